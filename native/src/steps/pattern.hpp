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

// Sets what the cells of the window expect, in GeV.
void set_expected(const Model& model, Shower& shower) {
    const int rings = model.rings, stride = model.stride;
    constexpr int size = width < 8 ? width : 8;
    using Vector = Floats<size>;
    float* factor = shower.sums_x.data();
    for (int layer = 0; layer < model.layers; ++layer) {
        const float* in_y = &shower.in_y[model.inclined ? layer * rings * stride : 0];
        const float* weight = &shower.rings[layer * rings];
        for (int x = 0; x < model.window_x; ++x) {
            for (int ring = 0; ring < rings; ++ring)
                factor[ring] = shower.in_x[x * rings + ring] * weight[ring];
            float* row = &shower.expected[static_cast<std::size_t>(layer) * model.pads + x * stride];
            for (int y = 0; y < stride; y += size) {
                Vector sum{};
                for (int ring = 0; ring < rings; ++ring)
                    sum += factor[ring] *
                           *reinterpret_cast<const Vector*>(in_y + ring * stride + y);
                *reinterpret_cast<Vector*>(row + y) = sum;
            }
        }
    }
}

CALOFORGE_END
