// A layer in which nothing is hit: the cell that came nearest to a hit has the layer's energy.
#pragma once

#include "deposits.hpp"

CALOFORGE_BEGIN

// What a cell of a layer's window is asked with.
std::uint32_t asked_alone(const Model& model, const Shower& shower, int x, int y, int layer) {
    const std::uint32_t* number = &shower.number[shower.place(model, x, y, layer)];
    const std::uint32_t along_x = number[shower.row], along_y = number[model.layers];
    if (model.in_rings) {
        const int place = x * shower.in_rings.stride + layer;
        return asked_with(*number, along_x, along_y, shower.in_rings.to_ring[place],
                          shower.in_rings.to_either[place]);
    }
    const PerLayer& of = shower.of_layers;
    std::uint32_t own = *number;
    const int from_x = x - corner_of_core(model.window_x) + 1, from_y = y - corner_of_core(model.window_y) + 1;
    const bool beside = (from_x >= 0) & (from_x <= core) & (from_y >= 0) & (from_y <= core);
    if ((model.deep_sharing > 0.0f) & !beside) own = or_behind(own, number[1], of.below_behind[layer]);
    return asked_with(own, along_x, along_y, of.below_x[layer], of.below_y[layer]);
}

// Sets what all cells of a layer expect: [window_y][in_x.stride].
void expect_in_layer(const Model& model, int layer, const Shower& shower, float* expected) {
    if (model.in_rings)
        expect_layer_in_rings(model, layer, shower, expected);
    else
        expect_layer(model, layer, shower, expected);
}

// In a layer where nothing is hit, asks all cells and lets those have deposits that came nearest to a
// hit; returns the factor from deposits in GeV to energies.
float keep_nearest(const Model& model, int layer, Shower& shower) {
    const int stride = shower.in_x.stride, count = model.window_y * stride;
    std::uint32_t* asked = shower.asked.data();
    float *expected = shower.of_layer.data(), *deposit = expected;
    expect_in_layer(model, layer, shower, expected);
    for (int y = 0; y < model.window_y; ++y)
        for (int x = 0; x < model.window_x; ++x)
            asked[y * stride + x] = asked_alone(model, shower, x, y, layer);
    const float* table = table_of(model, shower.of_layers.sort[layer]);
    CALOFORGE_LANES
    for (int pad = 0; pad < count; ++pad)
        deposit[pad] = expected[pad] * table[place_of(expected[pad], asked[pad])];
    float most = 1e-30f;
    for (int pad = 0; pad < count; ++pad) most = at_least(deposit[pad], most);
    const float energy = shower.energy[layer], scale = energy / most;
    const float threshold = at_least(0.999f * energy, threshold_gev);
    Sums& sums = shower.sums;
    sums.total[layer] = sums.total_x[layer] = sums.total_y[layer] = 0.0f;
    for (int x = 0; x < model.window_x; ++x)
        for (int y = 0; y < model.window_y; ++y) {
            const float made = deposit[y * stride + x];
            const float kept = made * scale >= threshold ? made : 0.0f;
            shower.deposit[shower.place(model, x, y, layer)] = kept;
            const float in_gev = kept * shower.lowered[layer];
            sums.total[layer] += in_gev;
            sums.total_x[layer] += in_gev * static_cast<float>(x);
            sums.total_y[layer] += in_gev * static_cast<float>(y + shower.rise[layer]);
        }
    return scale * shower.raised[layer];
}

// Sets the factors by which the window's deposits and the halo's have the layers' energies.
void set_scales(const Model& model, Shower& shower) {
    const int layer_lanes = model.layer_lanes;
    const float *energy = shower.energy.data(), *in_halo = shower.in_halo.data();
    float *total = shower.sums.total.data(), *scale = shower.scale.data();
    CALOFORGE_LANES
    for (int layer = 0; layer < layer_lanes; ++layer) {
        const float quotient = energy[layer] / at_least(total[layer] + in_halo[layer], threshold_gev);
        scale[layer] = energy[layer] >= threshold_gev ? quotient : 0.0f;
    }
    for (int layer = 0; layer < model.layers; ++layer)
        if ((energy[layer] >= threshold_gev) & (total[layer] + in_halo[layer] < threshold_gev))
            scale[layer] = keep_nearest(model, layer, shower);
    CALOFORGE_LANES
    for (int layer = 0; layer < layer_lanes; ++layer)
        shower.of_layers.scale[layer] = scale[layer] * shower.lowered[layer];
    repeat(model, shower.span, shower.of_layers.scale, shower.of_cells.scale);
}

CALOFORGE_END
