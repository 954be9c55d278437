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
#include "selection.hpp"
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

// The place in the table of a sort, for a cell with what it expects and is asked with: 24 bits of the
// quantile and eight that dither the row.
CALOFORGE_INLINE std::int32_t place_of(float shift, float expected, std::uint32_t asked) {
    const float dither = (static_cast<float>(second_of(asked)) + 0.5f) * 0.00390625f;
    const float in_rows = logarithm(clamped(expected, least_expected, most_expected)) * rows_per_log +
                          (shift - first_row) + dither;
    const int row = static_cast<int>(clamped(in_rows, 0.0f, expectations - 1.0f));
    const float u = static_cast<float>(quantile_of(asked)) * 5.9604645e-8f;
    return row * quantiles + static_cast<int>(std::sqrt(std::sqrt(u)) * columns_per_root);
}

// The table of a sort.
CALOFORGE_INLINE const float* table_of(const Model& model, int sort) {
    return &model.deposit_table[static_cast<std::size_t>(sort) * expectations * quantiles];
}

// What the cells of a layer are asked with, and by how much their quantiles are above the bound of
// their chance: the quantile, its own or a neighbour's, and eight bits to dither.
CALOFORGE_INLINE void set_asked(
    const Model& model, const Bound& bound, int layer, float shift, Shower& shower) {
    const std::int32_t below_x = in_layer(model.sharing, layer);
    const std::int32_t below_y = in_layer(2.0f * model.sharing, layer);
    const float steady = bound.high, low = bound.low;
    const float factor = exponential(shift / rows_per_log);
    const float steep = bound.steep * factor, flat = bound.flat * factor;
    const int pads = model.pads, stride = model.stride;
    const float* expected = shower.expected_of(model, layer);
    const std::uint32_t* number = shower.numbers_of(layer);
    std::uint32_t* asked = shower.asked.data();
    float* margin = shower.margin.data();
    for (int first = 0; first < pads; first += lanes) {
        CALOFORGE_LANES
        for (int i = first; i < first + lanes; ++i) {
            const std::uint32_t own = number[i];
            const std::uint32_t quantile =
                shared(own, number[i + stride], number[i + 1], below_x, below_y);
            const float chance =
                at_most(steep * expected[i] + low, flat * expected[i] + steady);
            asked[i] = (quantile & 0xffffff00u) | (own & 0xffu);
            margin[i] = static_cast<float>(quantile_of(quantile)) - chance;
        }
    }
}

// Lists the cells of a layer whose margin is below zero, and up to a multiple of the lanes no cell: a
// pad behind the window's, where nothing is expected.
CALOFORGE_INLINE int list_candidates(const Model& model, int layer, int first, Shower& shower) {
    Candidates& candidates = shower.candidates;
    const float *expected = shower.expected_of(model, layer), *margin = shower.margin.data();
    const std::uint32_t* asked = shower.asked.data();
    int end = first;
    for (int pad = 0; pad < model.pads; pad += Wanted::size) {
        const Wanted wanted(margin + pad);
        wanted.take(&candidates.all_pads[pad], &candidates.pad[end]);
        wanted.take(expected + pad, &candidates.expected[end]);
        wanted.take(asked + pad, &candidates.asked[end]);
        end += wanted.count();
    }
    const int all = lanes_for(end - first);
    for (int i = end; i < end + lanes; ++i) {
        candidates.pad[i] = model.window_y;
        candidates.expected[i] = 0.0f;
        candidates.asked[i] = 0;
    }
    return first + all;
}

// Lists the candidates of all layers, and where they find their deposits in the table.
void find_candidates(const Model& model, const float* shifts, Shower& shower) {
    Candidates& candidates = shower.candidates;
    for (int layer = 0; layer < model.layers; ++layer) {
        const int first = candidates.first[layer];
        candidates.first[layer + 1] = first;
        if (shower.energy[layer] < threshold_gev) continue;
        const int sort = sort_of(layer, shower.energy[layer]);
        set_asked(model, model.bounds[sort], layer, shifts[layer], shower);
        const int end = list_candidates(model, layer, first, shower);
        const std::int32_t table = sort * expectations * quantiles;
        const float shift = shifts[layer];
        CALOFORGE_LANES
        for (int i = first; i < end; ++i)
            candidates.place[i] =
                table + place_of(shift, candidates.expected[i], candidates.asked[i]);
        candidates.first[layer + 1] = end;
    }
}

// Sum over the lanes of the deposits from `first` on.
CALOFORGE_INLINE float sum_of(const float* deposit, int count) {
    float sums[lanes] = {};
    for (int i = 0; i < count; i += lanes)
        for (int lane = 0; lane < lanes; ++lane) sums[lane] += deposit[i + lane];
    return sum_of_lanes(sums);
}

// Deposits of a layer's candidates; returns their sum.
CALOFORGE_INLINE float ask(const Model& model, int first, int end, Candidates& candidates) {
    const float* table = model.deposit_table.data();
    const float* expected = candidates.expected.data();
    const std::int32_t* place = candidates.place.data();
    float* deposit = candidates.deposit.data();
    CALOFORGE_LANES
    for (int i = first; i < end; ++i) deposit[i] = expected[i] * table[place[i]];
    return sum_of(deposit + first, end - first);
}

// Adds the candidates whose deposits reach `threshold` when scaled to the hits.
CALOFORGE_INLINE void keep_hits(
    int first, int end, float scale, float threshold, Candidates& candidates, Hits& hits) {
    float *deposit = candidates.deposit.data(), *margin = candidates.margin.data();
    CALOFORGE_LANES
    for (int i = first; i < end; ++i) {
        deposit[i] *= scale;
        margin[i] = deposit[i] >= threshold ? -1.0f : 1.0f;
    }
    int kept = hits.end;
    for (int i = first; i < end; i += Wanted::size) {
        const Wanted wanted(margin + i);
        wanted.take(&candidates.pad[i], &hits.pad[kept]);
        wanted.take(deposit + i, &hits.energy[kept]);
        kept += wanted.count();
    }
    hits.end = kept;
}

// In a layer where nothing is hit, asks all cells and adds those that came nearest to a hit to the
// hits, with the layer's energy; returns the factor from deposits to energies.
float keep_nearest(const Model& model, float shift, int layer, Shower& shower) {
    const int sort = sort_of(layer, shower.energy[layer]);
    set_asked(model, model.bounds[sort], layer, shift, shower);
    const float *table = table_of(model, sort), *expected = shower.expected_of(model, layer);
    float* deposit = shower.margin.data();
    float most = 1e-30f;
    for (int pad = 0; pad < model.pads; ++pad) {
        deposit[pad] = expected[pad] * table[place_of(shift, expected[pad], shower.asked[pad])];
        most = at_least(deposit[pad], most);
    }
    const float scale = shower.energy[layer] / most;
    const float threshold = at_least(0.999f * shower.energy[layer], threshold_gev);
    Hits& hits = shower.hits;
    for (int pad = 0; pad < model.pads; ++pad) {
        const float energy = deposit[pad] * scale;
        if (energy < threshold) continue;
        hits.pad[hits.end] = pad;
        hits.energy[hits.end++] = energy;
    }
    return scale;
}

// Makes the hits of the window, scaled so that they and the halo's hits have the layers' energies.
void make_deposits(const Model& model, const float* shifts, Shower& shower) {
    find_candidates(model, shifts, shower);
    Candidates& candidates = shower.candidates;
    Hits& hits = shower.hits;
    hits.end = 0;
    for (int layer = 0; layer < model.layers; ++layer) {
        const float energy = shower.energy[layer];
        hits.first[layer] = hits.end;
        shower.scale[layer] = 0.0f;
        if (energy >= threshold_gev) {
            const int first = candidates.first[layer], end = candidates.first[layer + 1];
            const float total = ask(model, first, end, candidates) + shower.in_halo[layer];
            if (total < threshold_gev) {
                shower.scale[layer] = keep_nearest(model, shifts[layer], layer, shower);
            } else {
                shower.scale[layer] = energy / total;
                keep_hits(first, end, shower.scale[layer], threshold_gev, candidates, hits);
            }
        }
        hits.last[layer] = hits.end;
        for (int i = 0; i < lanes; ++i) hits.pad[hits.end + i] = 0, hits.energy[hits.end + i] = 0.0f;
        hits.end = lanes_for(hits.end);
    }
}

CALOFORGE_END
