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
    for (int i = 0; i < stride; ++i)
        share[i] = i < pads ? factor * (edges[i + 1] - edges[i]) : 0.0f;
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

// Rows `first` to `first + rows` of the window: sums over rings, in order, of share_x weighed share_y.
// `parts` vectors of each row are made from `y` on.
template <int rows, int size, int parts>
CALOFORGE_INLINE void expect_rows(
    const float* in_x, const float* in_y, const std::int32_t* active, int count, int rings,
    int stride, int y, float* expected) {
    using Vector = Floats<size>;
    Vector sum[rows][parts] = {};
    for (int i = 0; i < count; ++i) {
        const int ring = active[i];
        Vector share[parts];
        for (int part = 0; part < parts; ++part)
            share[part] =
                *reinterpret_cast<const Vector*>(in_y + ring * stride + y + part * size);
        for (int row = 0; row < rows; ++row)
            for (int part = 0; part < parts; ++part)
                sum[row][part] += share[part] * in_x[row * rings + ring];
    }
    for (int row = 0; row < rows; ++row)
        for (int part = 0; part < parts; ++part)
            *reinterpret_cast<Vector*>(expected + row * stride + y + part * size) = sum[row][part];
}

template <int rows>
CALOFORGE_INLINE void expect_row_block(
    const float* in_x, const float* in_y, const std::int32_t* active, int count, int rings,
    int stride, float* expected) {
    constexpr int half = width < 8 ? width : 8;
    int y = 0;
    for (; y + 16 <= stride; y += 16)
        expect_rows<rows, width, 16 / width>(
            in_x, in_y, active, count, rings, stride, y, expected);
    for (; y < stride; y += 8)
        expect_rows<rows, half, 8 / half>(in_x, in_y, active, count, rings, stride, y, expected);
}

// Lists the rings that reach one of `rows` rows of pads; returns how many.
CALOFORGE_INLINE int list_active(const float* in_x, int rows, int rings, std::int32_t* active) {
    int count = 0;
    for (int ring = 0; ring < rings; ++ring) {
        bool reaches = false;
        for (int row = 0; row < rows; ++row) reaches |= in_x[row * rings + ring] != 0.0f;
        active[count] = ring;
        count += reaches ? 1 : 0;
    }
    return count;
}

// Sets what the cells of the window expect, in GeV.
void set_expected(const Model& model, Shower& shower) {
    constexpr int block = width == 4 ? 2 : 5;  // rows whose sums stay in registers
    const int rings = model.rings, stride = model.stride, window_x = model.window_x;
    const float* in_x = shower.in_x.data();
    float* weighed = shower.weighed.data();
    for (int x = 0; x < window_x; x += block) {
        const int rows = smaller(block, window_x - x);
        shower.active_count[x / block] = list_active(
            in_x + x * rings, rows, rings, &shower.active[x / block * rings]);
    }
    for (int layer = 0; layer < model.layers; ++layer) {
        const float* in_y = &shower.in_y[model.inclined ? layer * rings * stride : 0];
        const float* weight = &shower.rings[layer * rings];
        for (int ring = 0; ring < rings; ++ring) {
            CALOFORGE_LANES
            for (int y = 0; y < stride; ++y)
                weighed[ring * stride + y] = in_y[ring * stride + y] * weight[ring];
        }
        float* expected = &shower.expected[static_cast<std::size_t>(layer) * model.pads];
        for (int x = 0; x < window_x; x += block) {
            const std::int32_t* active = &shower.active[x / block * rings];
            const int count = shower.active_count[x / block];
            if (x + block <= window_x) {
                expect_row_block<block>(in_x + x * rings, weighed, active, count, rings, stride,
                                        expected + x * stride);
                continue;
            }
            for (int row = x; row < window_x; ++row)
                expect_row_block<1>(in_x + row * rings, weighed, active, count, rings, stride,
                                    expected + row * stride);
        }
    }
}

CALOFORGE_END
