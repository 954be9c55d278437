// The energy of a cell, given its expectation m: a compound Poisson variable by its quantiles.
//
//     row = floor(8 log10(m / 10 eV) + shift + dither), column = floor(u**(1/4) 511.99)
//     deposit = m table[sort][row][column]
//
// A layer's shift is in what its cells expect from the start, and so in the deposits until these are
// energies: `raised`.  The sort of a layer is the class of a factor of two in its energy.  Most cells are not hit:
// two lines bound the chance of a hit (bounds.cpp), and only cells whose quantile is below them are
// asked.  Where a layer gets nothing, all its cells are asked, and the one that came nearest to a hit
// has the layer's energy.
#pragma once

#include "mathematics.hpp"
#include "noise.hpp"
#include "pattern.hpp"
#include "selection.hpp"
#include "shower.hpp"

CALOFORGE_BEGIN

constexpr float rows_per_log = 3.4743559f;    // 8 / log(10)
constexpr float first_row = -64.0f;           // 8 log10(10 eV / 1 GeV)
constexpr float columns_per_root = quantiles - 0.01f;
constexpr int sort_bits = 31;  // the last bits of what a candidate expects: a millionth of it
static_assert(sorts <= sort_bits + 1);
constexpr float faint_layer_gev = 1e-3f, faint_first_layer_gev = 2.5e-4f;

// The table's sort of a layer of this energy in GeV: the class of a factor of two, from a faint one on.
CALOFORGE_INLINE int sort_of(int layer, float energy) {
    const bool first = layer < first_layers;
    const float per_faint = 1.0f / (first ? faint_first_layer_gev : faint_layer_gev);
    const int classes = first ? first_layer_classes : layer_classes;
    const float doublings = logarithm(at_least(energy, 1e-9f) * per_faint) * 1.44269504f + 1.0f;
    const int of = static_cast<int>(clamped(doublings, 0.0f, static_cast<float>(classes - 1)));
    return of + (first ? layer_classes + first_layer_classes * layer : 0);
}

// Sets the factors by which the layers' shifts raise what cells expect, and their inverses.
void set_raised(const Model& model, const Condition& condition, Shower& shower) {
    float *raised = shower.raised.data(), *lowered = shower.lowered.data();
    const int layers = model.layers;
    condition.interpolate(model.deposit_shift.data(), layers, raised);
    CALOFORGE_LANES
    for (int layer = 0; layer < layers; ++layer) {
        raised[layer] = exponential(raised[layer] * (1.0f / rows_per_log));
        lowered[layer] = 1.0f / raised[layer];
    }
}

// The row of the table, before it is rounded down, for what a cell expects; `dither` is of 256.
//
// 8 log10(m / 10 eV) = k 8 log10(2) + 8 log10(1 + f) with 1 + f between sqrt(1/2) and sqrt(2); right to
// 1e-6 rows.
CALOFORGE_INLINE float in_rows(float raised, std::int32_t dither) {
    const std::int32_t from_root = bits_of(raised) - 0x3f3504f3;
    const float k = static_cast<float>(from_root >> 23);
    const float f = from_bits((from_root & 0x007fffff) + 0x3f3504f3) - 1.0f;
    float sum = fused(f, 4.10928739e-1f, -6.56722023e-1f);
    sum = fused(sum, f, 7.15879659e-1f);
    sum = fused(sum, f, -8.64466277e-1f);
    sum = fused(sum, f, 1.15707509f);
    sum = fused(sum, f, -1.7372462f);
    sum = fused(sum, f, 3.47436714f);
    const float first = fused(static_cast<float>(dither), 1.0f / 256, 0.5f / 256 - first_row);
    return fused(sum, f, fused(k, 2.40823997f, first));
}

// The place in the table of a sort, for a cell with what it expects, raised by the shift, and is asked
// with: 24 bits of the quantile and eight that dither the row.
CALOFORGE_INLINE std::int32_t place_of(float raised, std::uint32_t asked) {
    const float place = in_rows(above_bound(raised, lowest_gev), second_of(asked));
    const int row = smaller(static_cast<int>(place), expectations - 1);
    const float root = fourth_root(static_cast<float>(quantile_of(asked)));  // of 2**24: 64
    return row * quantiles + static_cast<int>(root * (columns_per_root / 64));
}

// The table of a sort.
CALOFORGE_INLINE const float* table_of(const Model& model, int sort) {
    return &model.deposit_table[static_cast<std::size_t>(sort) * expectations * quantiles];
}

// Repeats the layers' values for all pads of a row, last layers first: what is written in lanes behind
// a pad's last layer is overwritten by the next pad's first ones.
template <class Value>
CALOFORGE_INLINE void repeat(
    const Model& model, int span, const Array<Value>& of_layer, Array<Value>& values) {
    struct Some {
        Floats<width> parts[lanes / width];
    };
    for (int first = model.layer_lanes - lanes; first >= 0; first -= lanes) {
        const auto some = loaded<Some>(&of_layer[first]);
        for (int y = 0; y < span; ++y)
            std::memcpy(&values[y * model.layers + first], &some, sizeof some);
    }
}

// Sets the chances of sharing of all cells, which are the same in all showers.
void set_sharing(const Model& model, Shower& shower) {
    PerLayer &of = shower.of_layers, &all = shower.of_cells;
    for (int layer = 0; layer < model.layers; ++layer) {
        of.below_x[layer] = in_layer(model.sharing, layer);
        of.below_y[layer] = in_layer(2.0f * model.sharing, layer);
    }
    repeat(model, model.widest_span(), of.below_x, all.below_x);
    repeat(model, model.widest_span(), of.below_y, all.below_y);
}

// Sets the tables of the layers' sorts, and the bounds of their cells' chances of a hit.
void set_sorts(const Model& model, Shower& shower) {
    PerLayer &of = shower.of_layers, &all = shower.of_cells;
    const float *bound = &model.bounds[0].steep, *energy = shower.energy.data();
    float *steep = of.steep.data(), *low = of.low.data(), *flat = of.flat.data(), *high = of.high.data();
    std::int32_t* sort = of.sort.data();
    const int layer_lanes = model.layer_lanes;
    CALOFORGE_LANES
    for (int layer = 0; layer < layer_lanes; ++layer) {
        const int its = sort_of(layer, energy[layer]);
        sort[layer] = its;
        steep[layer] = bound[4 * its], low[layer] = bound[4 * its + 1];
        flat[layer] = bound[4 * its + 2], high[layer] = bound[4 * its + 3];
    }
    repeat(model, shower.span, of.sort, all.sort);
    repeat(model, shower.span, of.steep, all.steep);
    repeat(model, shower.span, of.low, all.low);
    repeat(model, shower.span, of.flat, all.flat);
    repeat(model, shower.span, of.high, all.high);
}

// What cells are asked with: the quantile, their own or that of a neighbour with which they share, and
// eight bits of their own to dither.  Of one cell or of a vector.
template <class Number, class Chance>
CALOFORGE_INLINE Number asked_with(
    Number own, Number along_x, Number along_y, Chance below_x, Chance below_y) {
    const Chance second = (Chance)(own & 0xffu);
    const Number near_y = second < below_y ? along_y : own;
    const Number shared = second < below_x ? along_x : near_y;
    return (shared & 0xffffff00u) | (own & 0xffu);
}

// Lists the cells of a strip whose quantile is below the bound of their chance; returns how many.
CALOFORGE_INLINE int find_candidates(const Model& model, int cell, Shower& shower) {
    using Float = Floats<width>;
    using Int = Ints<width>;
    using Word = Words<width>;
    Candidates& candidates = shower.candidates;
    const PerLayer& of = shower.of_cells;
    const int row = shower.row, layers = model.layers, window_x = model.window_x;
    Wanted::Bits* bits = candidates.wanted.data();
    std::int32_t* its_raised = candidates.raised.data();
    std::uint32_t* its_asked = candidates.asked.data();
    std::size_t end = 0;
    for (int part = 0; part < parts_of_strip; ++part) {
        const int first = cell + part * width;
        const auto steep = loaded<Float>(&of.steep[first]), low = loaded<Float>(&of.low[first]);
        const auto flat = loaded<Float>(&of.flat[first]), high = loaded<Float>(&of.high[first]);
        const auto sort = loaded<Int>(&of.sort[first]);
        const auto below_x = loaded<Int>(&of.below_x[first]);
        const auto below_y = loaded<Int>(&of.below_y[first]);
        const float* expected = &shower.expected[part * width];
        const std::uint32_t* number = &shower.number[first];
        auto own = loaded<Word>(number);
        for (int x = 0; x < window_x; ++x, number += row, expected += cells_of_strip) {
            const auto along_x = loaded<Word>(number + row);
            const auto asked =
                asked_with(own, along_x, loaded<Word>(number + layers), below_x, below_y);
            const auto raised = loaded<Float>(expected);
            const Float line = fused(steep, raised, low), other = fused(flat, raised, high);
            const auto quantile = __builtin_convertvector((Int)(asked >> 8), Float);
            const Wanted wanted(quantile, line < other ? line : other);
            wanted.take(((Int)raised & ~sort_bits) | sort, its_raised + end);
            wanted.take(asked, its_asked + end);
            *bits++ = wanted.bits();
            end += static_cast<std::size_t>(wanted.count());
            own = along_x;
        }
    }
    return static_cast<int>(end);
}

// Looks up the candidates' deposits by what they expect.  The memory of a vector's is fetched while
// the places of the next ones are computed.
CALOFORGE_INLINE void look_up(const Model& model, int count, Candidates& candidates) {
    const float* table = model.deposit_table.data();
    const std::int32_t* raised = candidates.raised.data();
    const std::uint32_t* asked = candidates.asked.data();
    std::int32_t* place = candidates.place.data();
    float* value = candidates.value.data();
    const int end = lanes_for(count);
    for (int first = 0; first < end; first += lanes) {
        CALOFORGE_LANES
        for (int i = first; i < first + lanes; ++i)
            place[i] = (raised[i] & sort_bits) * (expectations * quantiles) +
                       place_of(from_bits(raised[i]), asked[i]);
        CALOFORGE_UNROLL
        for (int lane = 0; lane < lanes; ++lane) __builtin_prefetch(table + place[first + lane]);
    }
    for (int first = 0; first < end; first += lanes) {
        CALOFORGE_LANES
        for (int i = first; i < first + lanes; ++i) value[i] = table[place[i]];
    }
}

// Sets the deposits of all cells of a strip, and their sums over rows.
CALOFORGE_INLINE void set_deposits(const Model& model, int cell, Shower& shower) {
    using Float = Floats<width>;
    const int row = shower.row, window_x = model.window_x;
    const Wanted::Bits* bits = shower.candidates.wanted.data();
    const float* value = shower.candidates.value.data();
    for (int part = 0; part < parts_of_strip; ++part) {
        const int first = cell + part * width;
        const float* expected = &shower.expected[part * width];
        float* deposit = &shower.deposit[first];
        Float energy = {}, energy_x = {}, place = {};
        for (int x = 0; x < window_x; ++x, expected += cells_of_strip, deposit += row) {
            const Wanted wanted(*bits++);
            const Float made = wanted.put(value) * loaded<Float>(expected);
            value += wanted.count();
            store(made, deposit);
            energy += made;
            energy_x = fused(made, place, energy_x);
            place += 1.0f;
        }
        store(energy, &shower.sums.energy[first]);
        store(energy_x, &shower.sums.energy_x[first]);
    }
}

// Adds up the layers' sums, in GeV.
void add_up(const Model& model, Shower& shower) {
    Sums& sums = shower.sums;
    const int layers = model.layers;
    for (int first = 0; first < model.layer_lanes; first += lanes) {
        float total[lanes] = {}, total_x[lanes] = {}, total_y[lanes] = {};
        for (int y = 0; y < shower.span; ++y) {
            const float* energy = &sums.energy[y * layers + first];
            const float* energy_x = &sums.energy_x[y * layers + first];
            const float place = static_cast<float>(y);
            CALOFORGE_LANES
            for (int lane = 0; lane < lanes; ++lane) {
                total[lane] += energy[lane];
                total_x[lane] += energy_x[lane];
                total_y[lane] += place * energy[lane];
            }
        }
        const float* lowered = &shower.lowered[first];
        float *all = &sums.total[first], *all_x = &sums.total_x[first], *all_y = &sums.total_y[first];
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane) {
            all[lane] = total[lane] * lowered[lane];
            all_x[lane] = total_x[lane] * lowered[lane];
            all_y[lane] = total_y[lane] * lowered[lane];
        }
    }
}

// In a layer where nothing is hit, asks all cells and lets those have deposits that came nearest to a
// hit; returns the factor from deposits in GeV to energies.
float keep_nearest(const Model& model, int layer, Shower& shower) {
    const PerLayer& of = shower.of_layers;
    const int stride = shower.in_x.stride, count = model.window_y * stride;
    std::uint32_t* asked = shower.asked.data();
    float *expected = shower.of_layer.data(), *deposit = expected;
    expect_layer(model, layer, shower, expected);
    for (int y = 0; y < model.window_y; ++y)
        for (int x = 0; x < model.window_x; ++x) {
            const std::uint32_t* own = &shower.number[shower.place(model, x, y, layer)];
            asked[y * stride + x] = asked_with(
                *own, own[shower.row], own[model.layers], of.below_x[layer], of.below_y[layer]);
        }
    const float* table = table_of(model, of.sort[layer]);
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

// Makes the deposits of the window, and sets the factors by which they and the halo's have the
// layers' energies.
void make_deposits(const Model& model, Shower& shower) {
    set_sorts(model, shower);
    for (int cell = 0; cell < shower.row; cell += cells_of_strip) {
        expect_strip(model, cell, shower);
        look_up(model, find_candidates(model, cell, shower), shower.candidates);
        set_deposits(model, cell, shower);
    }
    add_up(model, shower);
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
