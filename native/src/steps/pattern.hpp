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
    const int rings = model.rings, stride = stride_of(model.window_y), room = shower.edges_of_ring;
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
        float beside = 0.0f;
        for (int ring = 0; ring < model.rings; ++ring)
            beside += shower.rings[ring * model.layer_lanes + layer] *
                      (1.0f - shower.sums_x[ring] * shower.sums_y[ring]);
        shower.beside[layer] = beside;
    }
}

// Sets what each ring gives to pads of one place along y, in all layers; x shares it out.
CALOFORGE_INLINE void weigh(const Model& model, int y, Shower& shower) {
    const int rings = model.rings, stride = stride_of(model.window_y);
    const float* in_y = shower.in_y.data();
    for (int ring = 0; ring < rings; ++ring) {
        const float* weight = &shower.rings[ring * model.layer_lanes];
        float* weighed = &shower.weighed[ring * model.layer_lanes];
        if (!model.inclined) {
            const float share = in_y[ring * stride + y];
            CALOFORGE_LANES
            for (int layer = 0; layer < model.layer_lanes; ++layer)
                weighed[layer] = share * weight[layer];
            continue;
        }
        const std::int32_t* rise = shower.rise.data();
        const int window_y = model.window_y;
        CALOFORGE_LANES
        for (int layer = 0; layer < model.layers; ++layer) {
            const int in_window = y - rise[layer];  // behind the window's last pad there are zeros
            const int pad = (in_window < 0) | (in_window > window_y) ? window_y : in_window;
            weighed[layer] = in_y[(layer * rings + ring) * stride + pad] * weight[layer];
        }
    }
}

// Some rows of pads at one place along y: sums over rings, in their order, of share_x times weighed
// share_y, in as many layers as `parts` vectors have lanes.
template <int rows, int parts>
CALOFORGE_INLINE void expect_rows(
    const Active& active, const float* weighed, int row, float* expected) {
    using Vector = Floats<width>;
    const float* factor = active.factor;
    Vector sum[rows][parts] = {};
    for (int i = 0; i < active.count; ++i) {
        const float* share = weighed + active.offset[i];
        for (int part = 0; part < parts; ++part) {
            const auto shares = loaded<Vector>(share + part * width);
            for (int x = 0; x < rows; ++x)
                sum[x][part] = fused(shares, factor[x] - Vector{}, sum[x][part]);
        }
        factor += rows;
    }
    for (int x = 0; x < rows; ++x)
        for (int part = 0; part < parts; ++part)
            store(sum[x][part], expected + x * row + part * width);
}

template <int rows>
CALOFORGE_INLINE void expect_block(
    const Active& active, const float* weighed, int layer_lanes, int row, float* expected) {
    constexpr int at_once = 2;  // vectors, whose sums stay in registers
    int layer = 0;
    for (; layer + at_once * width <= layer_lanes; layer += at_once * width)
        expect_rows<rows, at_once>(active, weighed + layer, row, expected + layer);
    for (; layer < layer_lanes; layer += width)
        expect_rows<rows, 1>(active, weighed + layer, row, expected + layer);
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
        active.offset[active.count] = ring * model.layer_lanes;
        active.count += reaches ? 1 : 0;
    }
}

// Sets what the cells of the window expect, in GeV: pad by pad along y, so that what is written in
// lanes behind the last layer is overwritten by the next pad's.
void set_expected(const Model& model, Shower& shower) {
    constexpr int rows = 5;
    const int rings = model.rings, window_x = model.window_x, row = shower.row;
    const int blocks = window_x / rows, single = window_x - blocks * rows;
    Active* active = shower.active.data();
    for (int block = 0; block < blocks + single; ++block) {
        const bool one = block >= blocks;
        const int x = one ? window_x - single + (block - blocks) : block * rows;
        active[block].offset = &shower.active_offset[block * rings];
        active[block].factor = &shower.active_factor[x * rings];
        list_active(model, &shower.in_x[x * rings], one ? 1 : rows, active[block]);
    }
    for (int x = 1; x <= window_x; ++x)
        std::memset(&shower.expected[x * row - lanes], 0, lanes * sizeof(float));
    const float* weighed = shower.weighed.data();
    for (int y = 0; y < shower.span; ++y) {
        weigh(model, y, shower);
        float* expected = &shower.expected[y * model.layers];
        for (int block = 0; block < blocks; ++block)
            expect_block<rows>(active[block], weighed, model.layer_lanes, row,
                               expected + block * rows * row);
        for (int block = blocks; block < blocks + single; ++block)
            expect_block<1>(active[block], weighed, model.layer_lanes, row,
                            expected + (window_x - single + block - blocks) * row);
    }
}

CALOFORGE_END
