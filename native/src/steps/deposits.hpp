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
    std::uint32_t own, std::uint32_t along_x, std::uint32_t along_y, std::int32_t below_x,
    std::int32_t below_y) {
    const std::int32_t second = second_of(own);
    const std::uint32_t near_y = second < below_y ? along_y : own;
    return second < below_x ? along_x : near_y;
}

// Deposits of `count` cells with what they expect and are asked with: 24 bits of the quantile and
// eight that dither the row.
NOINL void ask(
    const float* table, float shift, int count, const float* expected, const std::uint32_t* asked,
    float* deposit) {
    CALOFORGE_LANES
    for (int i = 0; i < count; ++i) {
        const float dither = (static_cast<float>(second_of(asked[i])) + 0.5f) * 0.00390625f;
        const float place =
            logarithm(clamped(expected[i], least_expected, most_expected)) * rows_per_log +
            (shift - first_row) + dither;
        const int row = static_cast<int>(clamped(place, 0.0f, expectations - 1.0f));
        const float u = static_cast<float>(quantile_of(asked[i])) * 5.9604645e-8f;
        const int column = static_cast<int>(std::sqrt(std::sqrt(u)) * columns_per_root);
        deposit[i] = expected[i] * table[row * quantiles + column];
    }
}

// For each set of eight bits, the places of those that are set, first ones first.
struct PlacesOfBits {
    alignas(64) std::uint8_t places[256][8];

    constexpr PlacesOfBits() : places() {
        for (int bits = 0; bits < 256; ++bits)
            for (int bit = 0, count = 0; bit < 8; ++bit)
                if (bits >> bit & 1) places[bits][count++] = static_cast<std::uint8_t>(bit);
    }
};

constexpr PlacesOfBits places_of_bits;

// The places of ones among `count` bytes of 0 or 1 (a multiple of the lanes), eight at a time;
// returns how many there are.  Up to eight places more are written behind them.
NOINL int list_ones(const std::uint8_t* ones, int count, std::int32_t* place) {
    int found = 0;
    for (int first = 0; first < count; first += 8) {
        std::uint64_t eight;
        std::memcpy(&eight, ones + first, 8);
        const auto bits = static_cast<std::uint8_t>((eight * 0x0102040810204080u) >> 56);
        for (int i = 0; i < 8; ++i) place[found + i] = first + places_of_bits.places[bits][i];
        found += static_cast<int>((eight * 0x0101010101010101u) >> 56);
    }
    return found;
}

// Lists the cells of a layer whose quantile is below the bound of their chance; returns how many.
// What a cell is asked with: the quantile, its own or a neighbour's, and eight bits to dither.
NOINL int list_candidates(
    const Model& model, const Bound& bound, int layer, float shift, const float* expected,
    const std::uint32_t* number, Shower& shower, std::int32_t* pad) {
    const std::int32_t below_x = in_layer(model.sharing, layer);
    const std::int32_t below_y = in_layer(2.0f * model.sharing, layer);
    const float steady = bound.high, low = bound.low;
    const float factor = exponential(shift / rows_per_log);
    const float steep = bound.steep * factor, flat = bound.flat * factor;
    const int pads = model.pads, stride = model.stride;
    std::uint8_t* below = shower.below.data();
    std::uint32_t* asked = shower.asked.data();
    for (int first = 0; first < pads; first += lanes) {
        CALOFORGE_LANES
        for (int i = first; i < first + lanes; ++i) {
            const std::uint32_t own = number[i];
            const std::uint32_t quantile =
                shared(own, number[i + stride], number[i + 1], below_x, below_y);
            const float chance =
                at_most(steep * expected[i] + low, flat * expected[i] + steady);
            asked[i] = (quantile & 0xffffff00u) | (own & 0xffu);
            below[i] = static_cast<float>(quantile_of(quantile)) < chance ? 1 : 0;
        }
    }
    return list_ones(below, pads, pad);
}

// Asks `count` cells of a layer from `first` on, and up to a multiple of the lanes no cell: a pad
// behind the window's, where nothing is expected.
NOINL void ask_cells(
    const Model& model, const float* table, float shift, const float* expected, Shower& shower,
    int first, int count) {
    Candidates& candidates = shower.candidates;
    const int all = lanes_for(count);
    std::int32_t* pad = &candidates.pad[first];
    for (int i = count; i < all; ++i) pad[i] = model.window_y;
    CALOFORGE_LANES
    for (int i = 0; i < all; ++i) {
        candidates.expected[i] = expected[pad[i]];
        candidates.asked[i] = shower.asked[pad[i]];
    }
    ask(table, shift, all, candidates.expected.data(), candidates.asked.data(),
        &candidates.energy[first]);
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
    Candidates& candidates = shower.candidates;
    float* deposit = &candidates.energy[first];
    int count = list_candidates(
        model, model.bounds[sort], layer, shift, expected, number, shower, &candidates.pad[first]);
    ask_cells(model, table, shift, expected, shower, first, count);
    float total = sum_of(deposit, count) + shower.in_halo[layer];
    float threshold = threshold_gev;
    if (total < threshold_gev) {
        count = model.pads;
        for (int i = 0; i < count; ++i) candidates.pad[first + i] = i;
        ask_cells(model, table, shift, expected, shower, first, count);
        total = 1e-30f;
        for (int i = 0; i < count; ++i) total = at_least(deposit[i], total);
        threshold = at_least(0.999f * energy, threshold_gev);
    }
    const float scale = energy / at_least(total, 1e-30f);
    const int all = lanes_for(count);
    CALOFORGE_LANES
    for (int i = 0; i < all; ++i) {
        const float scaled = deposit[i] * scale;
        deposit[i] = scaled >= threshold ? scaled : 0.0f;
    }
    shower.scale[layer] = scale;
    shower.first[layer + 1] = first + all;
}

CALOFORGE_END
