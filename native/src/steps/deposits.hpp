// The energy of a cell, given its expectation: strip by strip of the rows of cells.
//
// Most cells are not hit: two lines bound the chance of a hit (bounds.cpp), and only cells whose
// quantile is below them look up the table.
#pragma once

#include "pattern.hpp"
#include "rings/noise.hpp"
#include "selection.hpp"
#include "table.hpp"

CALOFORGE_BEGIN

constexpr int sort_bits = 31;  // the last bits of what a candidate expects: a millionth of it
static_assert(sorts <= sort_bits + 1);

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
    if (model.in_rings) {
        set_sectors(model, shower);
        set_neighbours_in_rings(model, shower);
        return;
    }
    PerLayer &of = shower.of_layers, &all = shower.of_cells;
    for (int layer = 0; layer < model.layers; ++layer) {
        of.below_x[layer] = in_layer(model.sharing, layer);
        of.below_y[layer] = in_layer(2.0f * model.sharing, layer);
    }
    repeat(model, model.widest_span(), of.below_x, all.below_x);
    repeat(model, model.widest_span(), of.below_y, all.below_y);
}

// Whether a layer is faint, and not empty: its hits are counted (hit_numbers.hpp).  `own`: what the halo
// leaves of its energy in GeV.
CALOFORGE_INLINE bool is_counted(const Model& model, float own) {
    return (own > threshold_gev) & (own < model.hit_numbers.limit);
}

// Sets the tables of the layers' sorts, and the bounds of their cells' chances of a hit; none is hit in
// layers that are counted.
void set_sorts(const Model& model, Shower& shower) {
    PerLayer &of = shower.of_layers, &all = shower.of_cells;
    const float *bound = &model.bounds[0].steep, *energy = shower.energy.data();
    const float* in_halo = shower.in_halo.data();
    float *steep = of.steep.data(), *low = of.low.data(), *flat = of.flat.data(), *high = of.high.data();
    std::int32_t* sort = of.sort.data();
    const int layer_lanes = model.layer_lanes;
    const Sorts sorts(model);
    CALOFORGE_LANES
    for (int layer = 0; layer < layer_lanes; ++layer) {
        const int its = sorts.of(layer, energy[layer]);
        sort[layer] = its;
        const bool asked = !is_counted(model, energy[layer] - in_halo[layer]);
        steep[layer] = asked ? bound[4 * its] : 0.0f, low[layer] = asked ? bound[4 * its + 1] : -1.0f;
        flat[layer] = asked ? bound[4 * its + 2] : 0.0f, high[layer] = asked ? bound[4 * its + 3] : -1.0f;
    }
    repeat(model, shower.span, of.sort, all.sort);
    repeat(model, shower.span, of.steep, all.steep);
    repeat(model, shower.span, of.low, all.low);
    repeat(model, shower.span, of.flat, all.flat);
    repeat(model, shower.span, of.high, all.high);
}

// Sets the chances that cells share with one behind them: none in the core and in the pads before it.
void set_behind(const Model& model, Shower& shower) {
    PerLayer &of = shower.of_layers, &all = shower.of_cells;
    for (int layer = 0; layer < model.layers; ++layer)
        of.below_behind[layer] = in_layer(2.0f * model.sharing + model.deep_sharing, layer);
    repeat(model, shower.span, of.below_behind, all.below_behind);
    repeat(model, shower.span, of.below_behind, all.below_beside_core);
    if (!model.has_core()) return;
    const int low = corner_of_core(model.window_y) - 1;
    for (int y = low; y <= low + core; ++y)
        for (int layer = 0; layer < model.layers; ++layer)
            all.below_beside_core[shower.place(model, 0, y, layer)] = 0;
}

// A cell's number with the quantile of the one behind, if it shares with it.  Of one cell or of a vector.
template <class Number, class Chance>
CALOFORGE_INLINE Number or_behind(Number own, Number behind, Chance below_behind) {
    const Chance second = (Chance)(own & 0xffu);
    return ((second < below_behind ? behind : own) & 0xffffff00u) | (own & 0xffu);
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

// Of a vector of cells, with whom they share: the next pads along x and y.
struct OnPads {
    static CALOFORGE_INLINE void expect(const Model& model, int cell, Shower& shower) {
        expect_strip(model, cell, shower);
    }
    OnPads(const Model& model, const Shower& shower, int first)
        : layers(model.layers), below_x(loaded<Ints<width>>(&shower.of_cells.below_x[first])),
          below_y(loaded<Ints<width>>(&shower.of_cells.below_y[first])) {}

    // What the cells of a row are asked with, whose numbers begin at `number`.
    CALOFORGE_INLINE Words<width> asked(
        int, Words<width> own, Words<width> along_x, const std::uint32_t* number) const {
        return asked_with(own, along_x, loaded<Words<width>>(number + layers), below_x, below_y);
    }

    int layers;
    Ints<width> below_x, below_y;
};

// The same, and with the cell behind, where that is not beside or in the core, which has a memory.
struct OnDeepPads {
    static CALOFORGE_INLINE void expect(const Model& model, int cell, Shower& shower) {
        expect_strip(model, cell, shower);
    }
    OnDeepPads(const Model& model, const Shower& shower, int first)
        : on_pads(model, shower, first), left(corner_of_core(model.window_x) - 1),
          elsewhere(loaded<Ints<width>>(&shower.of_cells.below_behind[first])),
          beside_core(loaded<Ints<width>>(&shower.of_cells.below_beside_core[first])) {}

    CALOFORGE_INLINE Words<width> asked(
        int x, Words<width> own, Words<width> along_x, const std::uint32_t* number) const {
        const bool beside = (x >= left) & (x <= left + core);
        return on_pads.asked(x, or_behind(own, loaded<Words<width>>(number + 1),
                                          beside ? beside_core : elsewhere), along_x, number);
    }

    OnPads on_pads;
    int left;
    Ints<width> elsewhere, beside_core;
};

// In rings the next ring and the next sector.
struct OnSectors {
    static CALOFORGE_INLINE void expect(const Model& model, int cell, Shower& shower) {
        expect_strip_in_rings(model, cell, shower);
    }
    OnSectors(const Model& model, const Shower& shower, int first)
        : layers(model.layers), stride(shower.in_rings.stride),
          to_ring(&shower.in_rings.to_ring[first % layers]),
          to_either(&shower.in_rings.to_either[first % layers]) {}

    CALOFORGE_INLINE Words<width> asked(
        int x, Words<width> own, Words<width> beyond, const std::uint32_t* number) const {
        return asked_with(own, beyond, loaded<Words<width>>(number + layers),
                          loaded<Ints<width>>(to_ring + x * stride),
                          loaded<Ints<width>>(to_either + x * stride));
    }

    int layers, stride;
    const std::int32_t *to_ring, *to_either;
};

// Lists the cells of a strip whose quantile is below the bound of their chance; returns how many.
template <class Cells>
CALOFORGE_INLINE int find_candidates(const Model& model, int cell, Shower& shower) {
    using Float = Floats<width>;
    using Int = Ints<width>;
    using Word = Words<width>;
    Candidates& candidates = shower.candidates;
    const PerLayer& of = shower.of_cells;
    const int row = shower.row, window_x = model.window_x;
    Wanted::Bits* bits = candidates.wanted.data();
    std::int32_t* its_raised = candidates.raised.data();
    std::uint32_t* its_asked = candidates.asked.data();
    std::size_t end = 0;
    for (int part = 0; part < parts_of_strip; ++part) {
        const int first = cell + part * width;
        const auto steep = loaded<Float>(&of.steep[first]), low = loaded<Float>(&of.low[first]);
        const auto flat = loaded<Float>(&of.flat[first]), high = loaded<Float>(&of.high[first]);
        const auto sort = loaded<Int>(&of.sort[first]);
        const Cells cells(model, shower, first);
        const float* expected = &shower.expected[part * width];
        const std::uint32_t* number = &shower.number[first];
        auto own = loaded<Word>(number);
        for (int x = 0; x < window_x; ++x, number += row, expected += cells_of_strip) {
            const auto along_x = loaded<Word>(number + row);
            const auto asked = cells.asked(x, own, along_x, number);
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

// Makes the deposits of cells that lie and share in one of the ways.
template <class Cells>
void make_strips(const Model& model, Shower& shower) {
    for (int cell = 0; cell < shower.row; cell += cells_of_strip) {
        Cells::expect(model, cell, shower);
        look_up(model, find_candidates<Cells>(model, cell, shower), shower.candidates);
        set_deposits(model, cell, shower);
    }
}

// Makes the deposits of the window, raised, and adds them up.
void make_deposits(const Model& model, Shower& shower) {
    set_sorts(model, shower);
    if (model.in_rings) {
        make_strips<OnSectors>(model, shower);
    } else if (model.deep_sharing > 0.0f) {
        set_behind(model, shower);
        make_strips<OnDeepPads>(model, shower);
    } else {
        make_strips<OnPads>(model, shower);
    }
    add_up(model, shower);
}

CALOFORGE_END
