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

// What `rows` layers remember, sums over all layers of memory times slow numbers [layers][9].
template <int rows>
CALOFORGE_INLINE void remember(const float* memory, int layers, const float* slow, float (*sums)[lanes]) {
    using Vector = Floats<width>;
    constexpr int parts = lanes / width;
    Vector sum[rows][parts] = {};
    for (int from = 0; from < layers; ++from) {
        for (int part = 0; part < parts; ++part) {
            const Vector numbers =
                *reinterpret_cast<const Vector*>(slow + from * core * core + part * width);
            for (int row = 0; row < rows; ++row)
                sum[row][part] =
                    fused(numbers, memory[row * layers + from] - Vector{}, sum[row][part]);
        }
    }
    std::memcpy(sums, sum, sizeof sum);
}

// Normal numbers [layers][9] of the core's pads: a fast part, and a slow one that remembers the
// layers before.  `fast` and `slow` are uniform, and then normal, numbers.
CALOFORGE_INLINE void mix_core(
    const Model& model, const float* share, float* fast, float* slow, float* normal) {
    constexpr int pads = core * core;
    const int layers = model.layers, count = layers * pads;
    const float* memory = model.memory.data();
    CALOFORGE_LANES
    for (int i = 0; i < count; ++i) normal_pair(fast[i], slow[i], fast[i], slow[i]);
    float of_fast[pads], of_slow[pads];
    for (int pad = 0; pad < pads; ++pad) {
        of_fast[pad] = std::sqrt(at_least(1.0f - share[pad], 0.0f));
        of_slow[pad] = std::sqrt(at_least(share[pad], 0.0f));
    }
    for (int layer = 0; layer < layers;) {
        float sums[5][lanes];  // of as many layers as keep a processor's adders busy
        const int rows = layer + 5 <= layers ? 5 : 1;
        if (rows == 5)
            remember<5>(&memory[layer * layers], layers, slow, sums);
        else
            remember<1>(&memory[layer * layers], layers, slow, sums);
        for (int row = 0; row < rows; ++row, ++layer)
            for (int pad = 0; pad < pads; ++pad)
                normal[layer * pads + pad] =
                    of_fast[pad] * fast[layer * pads + pad] + of_slow[pad] * sums[row][pad];
    }
}

// The core's quantiles, which take the place of the cells' own.
void set_core(const Model& model, const Condition& condition, Random& random, Shower& shower) {
    constexpr int pads = core * core;
    const int layers = model.layers, count = layers * pads;
    float* fast = shower.core_numbers.data();
    float* normal = shower.core_normals.data();
    random.uniform(fast, lanes_for(2 * count));
    float share[pads];
    condition.interpolate(model.share.data(), pads, share);
    mix_core(model, share, fast, fast + count, normal);
    CALOFORGE_LANES
    for (int i = 0; i < count; ++i) {
        const float chance = 0.5f + 0.5f * error_function(normal[i] * 0.70710678f);
        normal[i] = clamped(chance * 16777216.0f, 0.0f, 16777215.0f);
    }
    const int left = (model.window_x - core) / 2, low = (model.window_y - core) / 2;
    for (int layer = 0; layer < layers; ++layer) {
        std::uint32_t* number =
            &shower.number[static_cast<std::size_t>(layer) * shower.numbers_of_layer];
        for (int pad = 0; pad < pads; ++pad) {
            std::uint32_t& own = number[(left + pad / core) * model.stride + low + pad % core];
            const auto quantile = static_cast<std::int32_t>(normal[layer * pads + pad]);
            own = static_cast<std::uint32_t>(quantile) << 8 | (own & 0xff);
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
