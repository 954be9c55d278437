// One random number for each cell: 24 bits say its quantile, 8 more how its row is dithered and
// whether it shares its quantile with a neighbour.
//
// In the central 3 x 3 pads the quantile remembers the layer before:
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

// The other number of a cell, in units of 2**-16: its last bits are those of the quantile.
CALOFORGE_INLINE std::int32_t second_of(std::uint32_t number) {
    return static_cast<std::int32_t>(((number & 0xff) << 8) | ((number >> 8) & 0xff));
}

// Fluctuations (1 - share, share) of the core's pads that follow the layers before; the quantiles
// [layers][9] of their normal numbers take the place of the cells' own.
void set_core(const Model& model, const Condition& condition, Random& random, Shower& shower) {
    constexpr int pads = core * core;
    const int layers = model.layers, count = layers * pads;
    const int drawn = (2 * count + lanes - 1) / lanes * lanes;
    float* fast = shower.core_numbers.data();
    float* slow = fast + count;
    random.uniform(fast, drawn);
    CALOFORGE_LANES
    for (int i = 0; i < count; ++i) normal_pair(fast[i], slow[i], fast[i], slow[i]);
    float share[pads], of_fast[pads], of_slow[pads];
    condition.interpolate(model.share.data(), pads, share);
    for (int pad = 0; pad < pads; ++pad) {
        of_fast[pad] = std::sqrt(at_least(1.0f - share[pad], 0.0f));
        of_slow[pad] = std::sqrt(at_least(share[pad], 0.0f));
    }
    const int left = (model.window_x - core) / 2, low = (model.window_y - core) / 2;
    for (int layer = layers; layer-- > 0;) {
        float sum[pads] = {}, quantile[pads];
        for (int from = 0; from < layers; ++from)
            for (int pad = 0; pad < pads; ++pad)
                sum[pad] += model.memory[layer * layers + from] * slow[from * pads + pad];
        for (int pad = 0; pad < pads; ++pad) {
            const float normal = of_fast[pad] * fast[layer * pads + pad] + of_slow[pad] * sum[pad];
            const float chance = 0.5f + 0.5f * error_function(normal * 0.70710678f);
            quantile[pad] = clamped(chance * 16777216.0f, 0.0f, 16777215.0f);
        }
        std::uint32_t* number = &shower.number[static_cast<std::size_t>(layer) * shower.numbers_of_layer];
        for (int pad = 0; pad < pads; ++pad) {
            std::uint32_t& own = number[(left + pad / core) * model.stride + low + pad % core];
            own = static_cast<std::uint32_t>(static_cast<std::int32_t>(quantile[pad])) << 8 | (own & 0xff);
        }
    }
}

// Draws the cells' numbers, those of the core, and repeats the first row behind the last one and
// the first column behind the last one: neighbours of the cells at the border.
void set_numbers(const Model& model, const Condition& condition, Random& random, Shower& shower) {
    random.words(shower.number.data(), static_cast<int>(shower.number.size()));
    set_core(model, condition, random, shower);
    const int stride = model.stride;
    for (int layer = 0; layer < model.layers; ++layer) {
        std::uint32_t* number = &shower.number[static_cast<std::size_t>(layer) * shower.numbers_of_layer];
        std::memcpy(number + model.window_x * stride, number, static_cast<std::size_t>(stride) * 4);
        for (int x = 0; x <= model.window_x; ++x)
            number[x * stride + model.window_y] = number[x * stride];
    }
}

CALOFORGE_END
