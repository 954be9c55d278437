// The energy of a cell, given its expectation m: a compound Poisson variable by its quantiles.
//
//     row = floor(8 log10(m / 10 eV) + shift + dither), column = floor(u**(1/4) 511.99)
//     deposit = m table[sort][row][column]
//
// where the sort of a layer is the class of a factor of two in its energy.  Most cells are not hit:
// two lines bound the chance of a hit (bounds.cpp), and only cells whose quantile is below them are
// asked.  Where a layer gets nothing, all its cells are asked, and the one that came nearest to a hit
// has the layer's energy.
#pragma once

#include "mathematics.hpp"
#include "noise.hpp"
#include "shower.hpp"

CALOFORGE_BEGIN

constexpr float rows_per_log = 3.4743559f;    // 8 / log(10)
constexpr float first_row = -64.0f;           // 8 log10(10 eV / 1 GeV)
constexpr float least_expected = 2e-9f, most_expected = 3.0f;
constexpr float columns_per_root = quantiles - 0.01f;
constexpr float faint_layer_gev = 1e-3f, faint_first_layer_gev = 2.5e-4f;

// The table's sort of a layer of this energy in GeV.
CALOFORGE_INLINE int sort_of(int layer, float energy) {
    const bool first = layer < first_layers;
    const int classes = first ? first_layer_classes : layer_classes;
    const float faint = first ? faint_first_layer_gev : faint_layer_gev;
    const float doublings = logarithm(at_least(energy, 1e-9f) / faint) * 1.44269504f + 1.0f;
    const int place = static_cast<int>(clamped(doublings, 0.0f, static_cast<float>(classes - 1)));
    return first ? layer_classes + first_layer_classes * layer + place : place;
}

// The number of the cell itself, or of the neighbour along x or y with which it shares.
CALOFORGE_INLINE std::uint32_t shared(
    std::uint32_t own, std::uint32_t along_x, std::uint32_t along_y, std::int32_t sharing) {
    const std::int32_t second = second_of(own);
    const std::uint32_t near_y = second < 2 * sharing ? along_y : own;
    return second < sharing ? along_x : near_y;
}

// Deposits of `count` cells (a multiple of the lanes) with what they expect, the quantile in the
// first 24 bits of `quantile` and the other number of `own`.
CALOFORGE_INLINE void ask(
    const float* table, float shift, int count, const float* expected, const std::uint32_t* own,
    const std::uint32_t* quantile, float* deposit) {
    CALOFORGE_LANES
    for (int i = 0; i < count; ++i) {
        const float dither = (static_cast<float>(second_of(own[i])) + 0.5f) * 1.5258789e-5f;
        const float place =
            logarithm(clamped(expected[i], least_expected, most_expected)) * rows_per_log +
            (shift - first_row) + dither;
        const int row = static_cast<int>(clamped(place, 0.0f, expectations - 1.0f));
        const float u = static_cast<float>(quantile_of(quantile[i])) * 5.9604645e-8f;
        const int column = static_cast<int>(std::sqrt(std::sqrt(u)) * columns_per_root);
        deposit[i] = expected[i] * table[row * quantiles + column];
    }
}

// Lists the cells of a layer whose quantile is below the bound of their chance; returns how many.
CALOFORGE_INLINE int list_candidates(
    const Model& model, const Bound& bound, float shift, const float* expected,
    const std::uint32_t* number, Shower& shower, std::int32_t* pad) {
    const auto sharing = static_cast<std::int32_t>(model.sharing * 65536.0f + 0.5f);
    const float factor = exponential(shift / rows_per_log);
    const float steep = bound.steep * factor, flat = bound.flat * factor;
    const int pads = model.pads, stride = model.stride;
    std::int32_t* below = shower.below.data();
    std::uint32_t* quantile = shower.quantile.data();
    CALOFORGE_LANES
    for (int i = 0; i < pads; ++i) {
        quantile[i] = shared(number[i], number[i + stride], number[i + 1], sharing);
        const float chance =
            at_most(steep * expected[i] + bound.low, flat * expected[i] + bound.high);
        below[i] = static_cast<float>(quantile_of(quantile[i])) < chance ? 1 : 0;
    }
    int count = 0;
    for (int i = 0; i < pads; ++i) {
        pad[count] = i;
        count += below[i];
    }
    return count;
}

// Asks `count` cells of a layer from `first` on, and no cells up to a multiple of the lanes.
CALOFORGE_INLINE void ask_cells(
    const float* table, float shift, const float* expected, const std::uint32_t* number,
    Shower& shower, int first, int count) {
    Candidates& asked = shower.candidates;
    const int lanes_full = (count + lanes - 1) / lanes * lanes;
    const std::int32_t* pad = &asked.pad[first];
    for (int i = count; i < lanes_full; ++i) asked.pad[first + i] = 0;
    CALOFORGE_LANES
    for (int i = 0; i < lanes_full; ++i) {
        asked.expected[i] = i < count ? expected[pad[i]] : 0.0f;
        asked.own[i] = number[pad[i]];
        asked.quantile[i] = shower.quantile[pad[i]];
    }
    ask(table, shift, lanes_full, asked.expected.data(), asked.own.data(), asked.quantile.data(),
        &asked.energy[first]);
}

// Sum over the lanes of the deposits from `first` on.
CALOFORGE_INLINE float sum_of(const float* deposit, int count) {
    float sums[lanes] = {};
    for (int i = 0; i < count; i += lanes)
        for (int lane = 0; lane < lanes; ++lane) sums[lane] += deposit[i + lane];
    return sum_of_lanes(sums);
}

// Makes the energies of a layer's cells, scaled so that they and the halo's hits are the layer's.
void make_deposits(const Model& model, const float* shifts, int layer, Shower& shower) {
    const float energy = shower.energy[layer], shift = shifts[layer];
    const int sort = sort_of(layer, energy), first = shower.first[layer];
    const float* expected = &shower.expected[static_cast<std::size_t>(layer) * model.pads];
    const std::uint32_t* number = &shower.number[static_cast<std::size_t>(layer) * shower.numbers_of_layer];
    const float* table = &model.deposit_table[static_cast<std::size_t>(sort) * expectations * quantiles];
    Candidates& asked = shower.candidates;
    int count = list_candidates(
        model, model.bounds[sort], shift, expected, number, shower, &asked.pad[first]);
    ask_cells(table, shift, expected, number, shower, first, count);
    float total = sum_of(&asked.energy[first], count) + shower.in_halo[layer];
    float threshold = threshold_gev;
    if (total < threshold_gev) {
        count = model.pads;
        for (int i = 0; i < count; ++i) asked.pad[first + i] = i;
        ask_cells(table, shift, expected, number, shower, first, count);
        total = 1e-30f;
        for (int i = 0; i < count; ++i) total = at_least(asked.energy[first + i], total);
        threshold = at_least(0.999f * energy, threshold_gev);
    }
    const float scale = energy / at_least(total, 1e-30f);
    const int lanes_full = (count + lanes - 1) / lanes * lanes;
    CALOFORGE_LANES
    for (int i = 0; i < lanes_full; ++i) {
        const float scaled = asked.energy[first + i] * scale;
        asked.energy[first + i] = scaled >= threshold ? scaled : 0.0f;
    }
    shower.scale[layer] = scale;
    shower.first[layer + 1] = first + lanes_full;
}

CALOFORGE_END
