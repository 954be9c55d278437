// One random number for each cell: 24 bits say its quantile, 8 more how its row is dithered and
// whether it shares its quantile with a neighbour.
//
// In the central 3 x 3 pads of a window that holds more the quantile remembers the layer before:
//
//     normal = sqrt(1 - share) fast + sqrt(share) memory slow; quantile = (1 + erf(normal / sqrt 2)) / 2
#pragma once

#include "mathematics.hpp"
#include "shower.hpp"

CALOFORGE_BEGIN

// The quantile, in units of 2**-24.
CALOFORGE_INLINE std::int32_t quantile_of(std::uint32_t number) {
    return static_cast<std::int32_t>(number >> 8);
}

// The other number of a cell, in units of 1 / 256.
CALOFORGE_INLINE std::int32_t second_of(std::uint32_t number) {
    return static_cast<std::int32_t>(number & 0xff);
}

// A probability in units of 1 / 256, in one layer: rounded up or down so that the mean of all
// layers is right.
CALOFORGE_INLINE std::int32_t in_layer(float probability, int layer) {
    const float part = probability * 256.0f;
    return static_cast<std::int32_t>(static_cast<float>(layer + 1) * part + 0.5f) -
           static_cast<std::int32_t>(static_cast<float>(layer) * part + 0.5f);
}

// Sets what the layers remember of slow numbers [pads][layer_lanes]: sums over the layers before, in their
// order, of memory [before][layer_lanes] times slow number.
template <int pads>
void remember(const float* memory, int layers, int layer_lanes, const float* slow, float* remembered) {
    using Vector = Floats<width>;
    for (int layer = 0; layer < layer_lanes; layer += width) {
        Vector sum[pads] = {};
        for (int before = 0; before < layers; ++before) {
            const auto kept = loaded<Vector>(memory + before * layer_lanes + layer);
            for (int pad = 0; pad < pads; ++pad)
                sum[pad] = fused(kept, slow[pad * layer_lanes + before] - Vector{}, sum[pad]);
        }
        for (int pad = 0; pad < pads; ++pad) store(sum[pad], remembered + pad * layer_lanes + layer);
    }
}

// The core's first row of pads along one side of the window.
constexpr int corner_of_core(int pads) { return pads / 2 - core / 2; }

// Sets the quantiles of a pad's cells, in units of 2**-24.
CALOFORGE_INLINE void set_quantiles(
    const Model& model, int x, int y, const float* quantile, Shower& shower) {
    const auto with = [](std::uint32_t own, float number) {
        return static_cast<std::uint32_t>(static_cast<std::int32_t>(number)) << 8 | (own & 0xff);
    };
    if (model.inclined) {
        for (int layer = 0; layer < model.layers; ++layer) {
            std::uint32_t& own = shower.number[shower.place(model, x, y, layer)];
            own = with(own, quantile[layer]);
        }
    } else {
        std::uint32_t* own = &shower.number[shower.place(model, x, y, 0)];
        const int layers = model.layers;
        CALOFORGE_LANES
        for (int layer = 0; layer < layers; ++layer) own[layer] = with(own[layer], quantile[layer]);
    }
}

// The core's quantiles, which take the place of the cells' own.
void set_core(const Model& model, const Condition& condition, Random& random, Shower& shower) {
    constexpr int pads = core * core;
    const int layer_lanes = model.layer_lanes, count = pads * layer_lanes;
    float *fast = shower.core_numbers.data(), *slow = fast + count;
    float* normal = shower.core_normals.data();
    random.uniform(fast, 2 * count);
    CALOFORGE_LANES
    for (int i = 0; i < count; ++i) normal_pair(fast[i], slow[i], fast[i], slow[i]);
    remember<pads>(model.memory.data(), model.layers, layer_lanes, slow, normal);
    float share[pads];
    condition.interpolate(model.share.data(), pads, share);
    for (int pad = 0; pad < pads; ++pad) {
        const float of_fast = std::sqrt(at_least(1.0f - share[pad], 0.0f));
        const float of_slow = std::sqrt(at_least(share[pad], 0.0f));
        CALOFORGE_LANES
        for (int i = pad * layer_lanes; i < (pad + 1) * layer_lanes; ++i) {
            const float mixed = of_fast * fast[i] + of_slow * normal[i];
            const float chance = 0.5f + 0.5f * error_function(mixed * 0.70710678f);
            normal[i] = clamped(chance * 16777216.0f, 0.0f, 16777215.0f);
        }
    }
    for (int pad = 0; pad < pads; ++pad)
        set_quantiles(model, corner_of_core(model.window_x) + pad / core,
                      corner_of_core(model.window_y) + pad % core, normal + pad * layer_lanes, shower);
}

// Draws the cells' numbers and those of the core.  Behind the last row there is another one, and
// behind a row's end the next one: the neighbours of cells at the border, where hardly any is hit, are
// cells far away and cells of no shower, which is all the same to them.
void set_numbers(const Model& model, const Condition& condition, Random& random, Shower& shower) {
    random.words(shower.number.data(), (model.window_x + 1) * shower.row);
    if (model.has_core()) set_core(model, condition, random, shower);
}

CALOFORGE_END
