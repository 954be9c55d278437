// The cells of one layer, asked alone; where nothing is hit, the one that came nearest to a hit has the
// layer's energy.
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
    const bool beside = model.has_core() & (from_x >= 0) & (from_x <= core) & (from_y >= 0) & (from_y <= core);
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

// Sets what the pads of a layer are asked with that share with the next ones in it only.
void ask_pads(const Model& model, int layer, Shower& shower) {
    const int stride = shower.in_x.stride, count = model.window_y * stride;
    std::uint32_t *own = shower.layer_numbers.data(), *asked = shower.asked.data();
    for (int y = 0; y <= model.window_y; ++y)
        for (int x = 0; x < model.window_x + (y < model.window_y ? 1 : 0); ++x)
            own[y * stride + x] = shower.number[shower.place(model, x, y, layer)];
    const std::int32_t below_x = shower.of_layers.below_x[layer], below_y = shower.of_layers.below_y[layer];
    CALOFORGE_LANES
    for (int pad = 0; pad < count; ++pad)
        asked[pad] = asked_with(own[pad], own[pad + 1], own[pad + stride], below_x, below_y);
}

// Sets what all cells of a layer expect, `of_layer`, and are asked with.
void ask_layer(const Model& model, int layer, Shower& shower) {
    const int stride = shower.in_x.stride;
    std::uint32_t* asked = shower.asked.data();
    expect_in_layer(model, layer, shower, shower.of_layer.data());
    if (!model.in_rings && model.deep_sharing == 0.0f) return ask_pads(model, layer, shower);
    for (int y = 0; y < model.window_y; ++y)
        for (int x = 0; x < model.window_x; ++x)
            asked[y * stride + x] = asked_alone(model, shower, x, y, layer);
}

// Sets the deposits of all cells of a layer that were asked, in the place of what they expect.
void set_deposits_of_layer(const Model& model, int layer, Shower& shower) {
    const int count = model.window_y * shower.in_x.stride;
    const std::uint32_t* asked = shower.asked.data();
    float *expected = shower.of_layer.data(), *deposit = expected;
    const float* table = table_of(model, shower.of_layers.sort[layer]);
    CALOFORGE_LANES
    for (int pad = 0; pad < count; ++pad)
        deposit[pad] = expected[pad] * table[place_of(expected[pad], asked[pad])];
}

// Puts a layer's deposits that are at least so much among those of the shower, and adds them up.
void put_deposits_of_layer(const Model& model, int layer, float least, Shower& shower) {
    const int stride = shower.in_x.stride;
    const float* deposit = shower.of_layer.data();
    Sums& sums = shower.sums;
    sums.total[layer] = sums.total_x[layer] = sums.total_y[layer] = 0.0f;
    for (int x = 0; x < model.window_x; ++x)
        for (int y = 0; y < model.window_y; ++y) {
            const float made = deposit[y * stride + x];
            const float kept = made >= least ? made : 0.0f;
            shower.deposit[shower.place(model, x, y, layer)] = kept;
            const float in_gev = kept * shower.lowered[layer];
            sums.total[layer] += in_gev;
            sums.total_x[layer] += in_gev * static_cast<float>(x);
            sums.total_y[layer] += in_gev * static_cast<float>(y + shower.rise[layer]);
        }
}

// In a layer where nothing was hit, lets the cell have its energy that came nearest to a hit, the one with
// the largest of the deposits; returns the factor from deposits in GeV to energies.
float keep_largest(const Model& model, int layer, float energy, Shower& shower) {
    const int count = model.window_y * shower.in_x.stride;
    const float* deposit = shower.of_layer.data();
    float most = 1e-30f;
    for (int pad = 0; pad < count; ++pad) most = at_least(deposit[pad], most);
    put_deposits_of_layer(model, layer, most * at_least(0.999f, threshold_gev / energy), shower);
    return energy / most * shower.raised[layer];
}

CALOFORGE_END
