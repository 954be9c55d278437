// How many cells a faint layer hits, drawn: its cells are asked once more, with the odds of their quantiles
// divided by what makes so many of them hits; in older files with the quantiles themselves.
#pragma once

#include "nearest.hpp"

CALOFORGE_BEGIN

// The number of hits of a layer with this energy in its window, and deposits of this `size`, a logarithm;
// `numbers` [3][layers]: uniform.
int number_of_hits(const Model& model, const Condition& condition, int layer, float energy, float size,
                   const float* numbers) {
    constexpr float per_log = hit_energies_per_octave * 1.44269504f, last = hit_energies - 1.0f;
    const HitNumbers& hits = model.hit_numbers;
    const float place = clamped(
        (logarithm(at_least(energy / hits.limit, 1e-9f)) - size) * per_log + hit_energies, 0.0f, last);
    const int in_energy = static_cast<int>(at_most(place + numbers[model.layers + layer], last));
    float below = condition.weight[0];
    int corner = 0;
    for (; corner + 1 < condition.corners && below <= numbers[2 * model.layers + layer]; ++corner)
        below += condition.weight[corner + 1];
    const int row = (condition.knot[corner] * hits.groups + hits.group[layer]) * hit_energies + in_energy;
    const int column = smaller(static_cast<int>(numbers[layer] * hit_columns_of_number), hit_columns_of_number - 1);
    return hits.number[row * hit_columns_of_number + column];
}

// Sets, of a layer's cells, the odds of the quantiles over those of their chance of a hit, `relative`, of
// what they expect (`of_layer`) and are asked with (`asked`); see hit_numbers.py.  In older files quantile
// over chance, negative where any quantile is a hit.
void set_relative(const Model& model, int layer, Shower& shower) {
    const HitNumbers& hits = model.hit_numbers;
    const int stride = shower.in_x.stride, count = model.window_y * stride;
    const float* one_over =
        &hits.one_over[static_cast<std::size_t>(shower.of_layers.sort[layer]) * expectations];
    const std::uint32_t* asked = shower.asked.data();
    const float* expected = shower.of_layer.data();
    float* relative = shower.relative.data();
    CALOFORGE_LANES
    for (int pad = 0; pad < count; ++pad) {
        const float quantile = static_cast<float>(quantile_of(asked[pad]));
        const float odds = quantile / (16777216.0f - quantile);
        relative[pad] = (hits.by_odds ? odds : quantile) * one_over[row_of(expected[pad], asked[pad])];
    }
    for (int y = 0; y < model.window_y; ++y)
        for (int x = model.window_x; x < stride; ++x) relative[y * stride + x] = 1e30f;
}

// The factor below which so many cells of a layer have what is `relative`.
float factor_of(const Model& model, int number, const Shower& shower) {
    const bool by_odds = model.hit_numbers.by_odds;
    const int halvings = by_odds ? 12 : 11;
    const int count = model.window_y * shower.in_x.stride;
    const float* relative = shower.relative.data();
    double step = by_odds ? 65536.0 : 256.0;
    float factor = static_cast<float>(1.0 / step);
    for (int halving = 0; halving < halvings; ++halving, step = std::sqrt(step)) {
        const float tried = factor * static_cast<float>(step);
        int below = 0;
        CALOFORGE_LANES
        for (int pad = 0; pad < count; ++pad) below += std::fabs(relative[pad]) < tried ? 1 : 0;
        if (below <= number) factor = tried;
    }
    return factor;
}

// A cell's number with its quantile, or the odds of it, divided.
CALOFORGE_INLINE std::uint32_t divided(std::uint32_t asked, float factor, bool by_odds) {
    const float own = static_cast<float>(quantile_of(asked)), rest = 16777216.0f - own;
    const float made = by_odds ? own / (own + factor * rest) * 16777216.0f : own * (1.0f / factor);
    const float quantile = at_most(made, 16777215.0f);
    return static_cast<std::uint32_t>(static_cast<std::int32_t>(quantile)) << 8 | (asked & 0xff);
}

// Makes the deposits of a faint layer, whose cells have this energy; returns the factor from these in GeV
// to energies.
float make_counted(const Model& model, const Condition& condition, int layer, float energy,
                   const float* numbers, Shower& shower) {
    ask_layer(model, layer, shower);
    const int number = number_of_hits(model, condition, layer, energy, shower.sizes[layer], numbers);
    set_relative(model, layer, shower);
    const float factor = factor_of(model, number, shower);
    const bool by_odds = model.hit_numbers.by_odds;
    const int stride = shower.in_x.stride;
    const float *expected = shower.of_layer.data(), *relative = shower.relative.data();
    const float* table = table_of(model, shower.of_layers.sort[layer]);
    std::uint32_t* asked = shower.asked.data();
    float total = 0.0f, total_x = 0.0f, total_y = 0.0f;
    for (int y = 0; y < model.window_y; ++y)
        for (int x = 0; x < model.window_x; ++x) {
            const int pad = y * stride + x;
            if (relative[pad] >= factor) continue;
            const float made = expected[pad] * table[place_of(expected[pad], divided(asked[pad], factor, by_odds))];
            shower.deposit[shower.place(model, x, y, layer)] = made;
            total += made, total_x += made * static_cast<float>(x);
            total_y += made * static_cast<float>(y + shower.rise[layer]);
        }
    const float lowered = shower.lowered[layer];
    shower.sums.total[layer] = total * lowered;
    shower.sums.total_x[layer] = total_x * lowered;
    shower.sums.total_y[layer] = total_y * lowered;
    if (total * lowered >= threshold_gev) return energy / (total * lowered);
    const int count = model.window_y * stride;
    CALOFORGE_LANES
    for (int pad = 0; pad < count; ++pad) asked[pad] = divided(asked[pad], factor, by_odds);
    set_deposits_of_layer(model, layer, shower);
    return keep_largest(model, layer, energy, shower);
}

CALOFORGE_END
