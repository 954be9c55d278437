// The energy expected in every cell: Gaussians about the axis, integrated over pads.
//
//     share of a row of pads = (erf((edge + 1 - centre) s) - erf((edge - centre) s)) / 2
//     with s = 1 / (sigma sqrt 2); expected = sum over rings of weight share_x share_y
//
// In an inclined shower the Gaussians are longer along y by 1 / sin(theta) and lie a learned distance
// times cot(theta) off the axis.  Where the window is the whole image, shares add up to one.
#pragma once

#include "mathematics.hpp"
#include "shower.hpp"

CALOFORGE_BEGIN

// Sets erf at the `stride` + 1 edges of rows of pads about zero.
CALOFORGE_INLINE void set_edges(
    float centre, float steepness, int pads, int stride, float* edges) {
    const float first = -0.5f * static_cast<float>(pads) - centre;
    CALOFORGE_LANES
    for (int i = 0; i < stride; ++i)
        edges[i] = error_function((first + static_cast<float>(i)) * steepness);
}

// Sets the shares of one Gaussian in `pads` rows of pads, and zeros up to `stride`; returns their sum.
CALOFORGE_INLINE float set_share(
    const float* edges, int pads, int stride, bool whole, float* share) {
    const float sum = 0.5f * (edges[pads] - edges[0]);
    const float factor = whole ? 0.5f / sum : 0.5f;
    CALOFORGE_LANES
    for (int i = 0; i < stride; ++i) share[i] = factor * (edges[i + 1] - edges[i]);
    for (int i = pads; i < stride; ++i) share[i] = 0.0f;
    return whole ? 1.0f : sum;
}

// Sets the shares in rows of pads along x.
CALOFORGE_INLINE void set_shares_x(const Model& model, Shower& shower) {
    const int rings = model.rings, stride = stride_of(model.window_x);
    float *edges = shower.edges.data(), *column = shower.work.data();
    for (int ring = 0; ring < rings; ++ring) {
        set_edges(shower.axis_x, model.steepness[ring], model.window_x, stride, edges);
        shower.sums_x[ring] = set_share(edges, model.window_x, stride, model.whole, column);
        for (int x = 0; x < model.window_x; ++x) shower.in_x[x * rings + ring] = column[x];
    }
}

// Sets the shares in rows of pads along y, in one layer.
CALOFORGE_INLINE void set_shares_y(
    const Model& model, const Condition& condition, int layer, Shower& shower) {
    const int rings = model.rings, stride = model.stride, room = shower.edges_of_ring;
    const float centre = shower.axis_y[layer] - shower.centre[layer];
    float* edges = shower.edges.data();
    for (int ring = 0; ring < rings; ++ring) {
        const int place = layer * rings + ring;
        float off_axis = 0.0f, steepness = model.steepness[ring];
        if (model.inclined) {
            off_axis = condition.slope * (model.shift_at[place] +
                                          model.shift_with_energy[place] * condition.energy_feature);
            steepness /= condition.stretch;
        }
        set_edges(centre + off_axis, steepness, model.window_y, stride, edges + ring * room);
    }
    // Only now: what was just written, and is read one place on, is waited for.
    for (int ring = 0; ring < rings; ++ring)
        shower.sums_y[ring] = set_share(edges + ring * room, model.window_y, stride, model.whole,
                                        &shower.in_y[(layer * rings + ring) * stride]);
}

// Sets the shares in rows of pads along x and y, and what is expected beside the window.
void set_shares(const Model& model, const Condition& condition, Shower& shower) {
    set_shares_x(model, shower);
    for (int layer = 0; layer < model.layers; ++layer) {
        if (model.inclined || layer == 0) set_shares_y(model, condition, layer, shower);
        const float* weight = &shower.rings[layer * model.rings];
        float beside = 0.0f;
        for (int ring = 0; ring < model.rings; ++ring)
            beside += weight[ring] * (1.0f - shower.sums_x[ring] * shower.sums_y[ring]);
        shower.beside[layer] = beside;
    }
}

// Some rows of the window: sums over rings, in their order, of share_x times weighed share_y.
template <int rows, int size, int parts>
CALOFORGE_INLINE void expect_rows(const Active& active, const float* in_y, int stride, float* expected) {
    using Vector = Floats<size>;
    const float* factor = active.factor;
    Vector sum[rows][parts] = {};
    for (int i = 0; i < active.count; ++i) {
        const float* share = in_y + active.offset[i];
        for (int part = 0; part < parts; ++part) {
            const Vector shares = *reinterpret_cast<const Vector*>(share + part * size);
            for (int row = 0; row < rows; ++row)
                sum[row][part] = fused(shares, factor[row] - Vector{}, sum[row][part]);
        }
        factor += rows;
    }
    for (int row = 0; row < rows; ++row)
        for (int part = 0; part < parts; ++part)
            *reinterpret_cast<Vector*>(expected + row * stride + part * size) = sum[row][part];
}

template <int rows>
CALOFORGE_INLINE void expect_block(const Active& active, const float* in_y, int stride, float* expected) {
    constexpr int half = width < 8 ? width : 8;
    int y = 0;
    for (; y + 16 <= stride; y += 16)
        expect_rows<rows, width, 16 / width>(active, in_y + y, stride, expected + y);
    for (; y < stride; y += 8)
        expect_rows<rows, half, 8 / half>(active, in_y + y, stride, expected + y);
}

// Lists the rings that reach one of `rows` rows of pads.
CALOFORGE_INLINE void list_active(const Model& model, const float* in_x, int rows, Active& active) {
    active.count = 0;
    for (int ring = 0; ring < model.rings; ++ring) {
        bool reaches = false;
        for (int row = 0; row < rows; ++row) {
            const float share = in_x[row * model.rings + ring];
            active.factor[active.count * rows + row] = share;
            reaches |= share != 0.0f;
        }
        active.offset[active.count] = ring * model.stride;
        active.count += reaches ? 1 : 0;
    }
}

// Sets what the cells of the window expect, in GeV.
void set_expected(const Model& model, Shower& shower) {
    constexpr int rows = width == 4 ? 2 : 5;  // whose sums stay in registers
    const int rings = model.rings, stride = model.stride, window_x = model.window_x;
    const int blocks = window_x / rows, single = window_x - blocks * rows;
    Active* active = shower.active.data();
    for (int block = 0; block < blocks + single; ++block) {
        const bool one = block >= blocks;
        const int x = one ? window_x - single + (block - blocks) : block * rows;
        active[block].offset = &shower.active_offset[block * rings];
        active[block].factor = &shower.active_factor[x * rings];
        list_active(model, &shower.in_x[x * rings], one ? 1 : rows, active[block]);
    }
    float* weighed = shower.weighed.data();
    for (int layer = 0; layer < model.layers; ++layer) {
        const float* in_y = &shower.in_y[model.inclined ? layer * rings * stride : 0];
        const float* weight = &shower.rings[layer * rings];
        for (int ring = 0; ring < rings; ++ring) {
            CALOFORGE_LANES
            for (int y = ring * stride; y < (ring + 1) * stride; ++y)
                weighed[y] = in_y[y] * weight[ring];
        }
        float* expected = &shower.expected[static_cast<std::size_t>(layer) * model.pads];
        for (int block = 0; block < blocks; ++block)
            expect_block<rows>(active[block], weighed, stride, expected + block * rows * stride);
        for (int block = blocks; block < blocks + single; ++block)
            expect_block<1>(active[block], weighed, stride,
                            expected + (window_x - single + block - blocks) * stride);
    }
}

CALOFORGE_END
