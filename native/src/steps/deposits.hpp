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

// Sets the layers' sorts, and the factors by which the shifts raise what they expect.
CALOFORGE_INLINE void set_sorts(const Model& model, const float* shifts, Shower& shower) {
    const float* energy = shower.energy.data();
    std::int32_t* sort = shower.sort.data();
    float* raised = shower.raised.data();
    for (int first = 0; first < model.layers; first += lanes) {
        CALOFORGE_LANES
        for (int layer = first; layer < first + lanes; ++layer) {
            sort[layer] = sort_of(layer, energy[layer]);
            raised[layer] = exponential(shifts[layer] / rows_per_log);
        }
    }
}

// What the cells of a layer are asked with, and by how much their quantiles are above the bound of
// their chance: the quantile, its own or a neighbour's, and eight bits to dither.
class Asking {
  public:
    Asking(const Model& model, int layer, const Shower& shower)
        : below_x_(in_layer(model.sharing, layer)), below_y_(in_layer(2.0f * model.sharing, layer)),
          stride_(model.stride), bound_(model.bounds[shower.sort[layer]]),
          expected_(shower.expected_of(model, layer)), number_(shower.numbers_of(layer)) {
        bound_.steep *= shower.raised[layer];
        bound_.flat *= shower.raised[layer];
    }

    // Of as many pads as there are lanes.
    CALOFORGE_INLINE void operator()(int first, std::uint32_t* asked, float* margin) const {
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane) {
            const int i = first + lane;
            const std::uint32_t own = number_[i];
            const std::uint32_t quantile =
                shared(own, number_[i + stride_], number_[i + 1], below_x_, below_y_);
            const float chance = at_most(bound_.steep * expected_[i] + bound_.low,
                                         bound_.flat * expected_[i] + bound_.high);
            asked[lane] = (quantile & 0xffffff00u) | (own & 0xffu);
            margin[lane] = static_cast<float>(quantile_of(quantile)) - chance;
        }
    }

  private:
    std::int32_t below_x_, below_y_;
    int stride_;
    Bound bound_;
    const float* expected_;
    const std::uint32_t* number_;
};

// Lists the cells of a layer whose margin is below zero, and up to a multiple of the lanes no cell: a
// pad behind the window's, where nothing is expected.  Returns where they end.
CALOFORGE_INLINE int list_candidates(const Model& model, int layer, int first, Shower& shower) {
    Candidates& candidates = shower.candidates;
    const Asking asking(model, layer, shower);
    const float* expected = shower.expected_of(model, layer);
    alignas(64) std::uint32_t asked[lanes];
    alignas(64) float margin[lanes];
    int end = first;
    for (int pad = 0; pad < model.pads; pad += lanes) {
        asking(pad, asked, margin);
        for (int part = 0; part < lanes; part += Wanted::size) {
            const Wanted wanted(margin + part);
            wanted.take(&candidates.all_pads[pad + part], &candidates.pad[end]);
            wanted.take(expected + pad + part, &candidates.expected[end]);
            wanted.take(asked + part, &candidates.asked[end]);
            end += wanted.count();
        }
    }
    for (int i = end; i < end + lanes; ++i) {
        candidates.pad[i] = model.window_y;
        candidates.expected[i] = 0.0f;
        candidates.asked[i] = 0;
    }
    for (int i = 0; i <= model.pads / lanes; ++i) candidates.layer[first / lanes + i] = layer;
    return first + lanes_for(end - first);
}

// Lists the candidates of all layers, and where they find their deposits in the table.
void find_candidates(const Model& model, const float* shifts, Shower& shower) {
    Candidates& candidates = shower.candidates;
    int end = 0;
    for (int layer = 0; layer < model.layers; ++layer) {
        candidates.first[layer] = end;
        if (shower.energy[layer] >= threshold_gev) end = list_candidates(model, layer, end, shower);
    }
    candidates.first[model.layers] = end;
    for (int first = 0; first < end; first += lanes) {
        const int layer = candidates.layer[first / lanes];
        const float shift = shifts[layer];
        const std::int32_t table = shower.sort[layer] * expectations * quantiles;
        CALOFORGE_LANES
        for (int i = first; i < first + lanes; ++i)
            candidates.place[i] =
                table + place_of(shift, candidates.expected[i], candidates.asked[i]);
    }
}

// Sets the deposits of all candidates and their sums [layers][lanes].
CALOFORGE_INLINE void ask(const Model& model, Candidates& candidates) {
    const float* table = model.deposit_table.data();
    const float* expected = candidates.expected.data();
    const std::int32_t* place = candidates.place.data();
    float *deposit = candidates.deposit.data(), *sums = candidates.sums.data();
    std::memset(sums, 0, candidates.sums.size() * sizeof *sums);
    for (int first = 0; first < candidates.first[model.layers]; first += lanes) {
        float* sum = sums + candidates.layer[first / lanes] * lanes;
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane) {
            const float made = expected[first + lane] * table[place[first + lane]];
            deposit[first + lane] = made;
            sum[lane] += made;
        }
    }
}

// Adds the candidates whose deposits reach the threshold when scaled to the hits.
CALOFORGE_INLINE void keep_hits(int first, int end, float scale, Candidates& candidates, Hits& hits) {
    const float* deposit = candidates.deposit.data();
    alignas(64) float energy[lanes], margin[lanes];
    int kept = hits.end;
    for (int i = first; i < end; i += lanes) {
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane) {
            energy[lane] = deposit[i + lane] * scale;
            margin[lane] = energy[lane] >= threshold_gev ? -1.0f : 1.0f;
        }
        for (int part = 0; part < lanes; part += Wanted::size) {
            const Wanted wanted(margin + part);
            wanted.take(&candidates.pad[i + part], &hits.pad[kept]);
            wanted.take(energy + part, &hits.energy[kept]);
            kept += wanted.count();
        }
    }
    hits.end = kept;
}

// In a layer where nothing is hit, asks all cells and adds those that came nearest to a hit to the
// hits, with the layer's energy; returns the factor from deposits to energies.
float keep_nearest(const Model& model, float shift, int layer, Shower& shower) {
    const Asking asking(model, layer, shower);
    for (int pad = 0; pad < model.pads; pad += lanes)
        asking(pad, &shower.asked[pad], &shower.margin[pad]);
    const float* table = table_of(model, shower.sort[layer]);
    const float* expected = shower.expected_of(model, layer);
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
    set_sorts(model, shifts, shower);
    find_candidates(model, shifts, shower);
    Candidates& candidates = shower.candidates;
    ask(model, candidates);
    Hits& hits = shower.hits;
    hits.end = 0;
    for (int layer = 0; layer < model.layers; ++layer) {
        const float energy = shower.energy[layer];
        hits.first[layer] = hits.end;
        shower.scale[layer] = 0.0f;
        if (energy >= threshold_gev) {
            const float total = sum_of_lanes(&candidates.sums[layer * lanes]) + shower.in_halo[layer];
            if (total < threshold_gev) {
                shower.scale[layer] = keep_nearest(model, shifts[layer], layer, shower);
            } else {
                shower.scale[layer] = energy / total;
                keep_hits(candidates.first[layer], candidates.first[layer + 1], shower.scale[layer],
                          candidates, hits);
            }
        }
        hits.last[layer] = hits.end;
        for (int i = 0; i < lanes; ++i) hits.pad[hits.end + i] = 0, hits.energy[hits.end + i] = 0.0f;
        for (int i = 0; i <= model.pads / lanes; ++i)
            hits.layer[hits.first[layer] / lanes + i] = layer;
        hits.end = lanes_for(hits.end);
    }
}

CALOFORGE_END
