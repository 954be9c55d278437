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

// Sets the shares of one Gaussian in `pads` rows of pads about zero, and zeros up to `stride`;
// returns their sum.  `edges` has room for stride + 1 numbers.
CALOFORGE_INLINE float set_shares_of_ring(
    float centre, float steepness, int pads, int stride, bool whole, float* edges, float* share) {
    const float first = -0.5f * static_cast<float>(pads) - centre;
    CALOFORGE_LANES
    for (int i = 0; i < stride; ++i)
        edges[i] = error_function((first + static_cast<float>(i)) * steepness);
    const float sum = 0.5f * (edges[pads] - edges[0]);
    const float factor = whole ? 0.5f / sum : 0.5f;
    CALOFORGE_LANES
    for (int i = 0; i < stride; ++i) share[i] = factor * (edges[i + 1] - edges[i]);
    for (int i = pads; i < stride; ++i) share[i] = 0.0f;
    return whole ? 1.0f : sum;
}

// Sets the shares in rows of pads along x and y, and what is expected beside the window.
void set_shares(const Model& model, const Condition& condition, Shower& shower) {
    const int rings = model.rings, stride = model.stride;
    float* edges = shower.work.data();
    float* column = edges + stride_of(model.window_x) + stride + 2;
    float* sums_x = shower.sums_x.data();
    for (int ring = 0; ring < rings; ++ring) {
        sums_x[ring] = set_shares_of_ring(shower.axis_x, model.steepness[ring], model.window_x,
                                          stride_of(model.window_x), model.whole, edges, column);
        for (int x = 0; x < model.window_x; ++x) shower.in_x[x * rings + ring] = column[x];
    }
    for (int layer = 0; layer < model.layers; ++layer) {
        const bool again = model.inclined || layer == 0;
        float beside = 0.0f;
        for (int ring = 0; ring < rings; ++ring) {
            if (again) {
                const int place = layer * rings + ring;
                float centre = shower.axis_y[layer] - shower.centre[layer];
                float steepness = model.steepness[ring];
                if (model.inclined) {
                    const float moved = model.shift_at[place] +
                                        model.shift_with_energy[place] * condition.energy_feature;
                    centre += moved * condition.slope;
                    steepness /= condition.stretch;
                }
                shower.sums_y[ring] = set_shares_of_ring(
                    centre, steepness, model.window_y, stride, model.whole, edges,
                    &shower.in_y[place * stride]);
            }
            beside += shower.rings[layer * rings + ring] *
                      (1.0f - sums_x[ring] * shower.sums_y[ring]);
        }
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
            for (int row = 0; row < rows; ++row) sum[row][part] += shares * factor[row];
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
