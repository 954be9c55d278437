// The table of deposits: compound Poisson variables by their quantiles, for what a cell expects.
//
//     row = floor(8 log10(m / 10 eV) + shift + dither), column = floor(u**(1/4) 511.99)
//     deposit = m table[sort][row][column]
//
// A layer's shift is in what its cells expect from the start, and so in the deposits until these are
// energies: `raised`.
#pragma once

#include "mathematics.hpp"
#include "noise.hpp"
#include "shower.hpp"

CALOFORGE_BEGIN

constexpr float rows_per_log = 3.4743559f;    // 8 / log(10)
constexpr float first_row = -64.0f;           // 8 log10(10 eV / 1 GeV)
constexpr float columns_per_root = quantiles - 0.01f;

// Tells the layers' sorts in the table: classes of a factor in their energy, of two in silicon, from that
// of a faint one on.
struct Sorts {
    float per_faint, per_faint_first, per_log_ratio;

    explicit Sorts(const Model& model)
        : per_faint(model.per_faint), per_faint_first(model.per_faint_first),
          per_log_ratio(model.per_log_ratio) {}

    // Of a layer of this energy in GeV.
    CALOFORGE_INLINE int of(int layer, float energy) const {
        const bool first = layer < first_layers;
        const int classes = first ? first_layer_classes : layer_classes;
        const float from_faint = at_least(energy, 1e-9f) * (first ? per_faint_first : per_faint);
        const float steps = logarithm(from_faint) * per_log_ratio + 1.0f;
        const int its = static_cast<int>(clamped(steps, 0.0f, static_cast<float>(classes - 1)));
        return its + (first ? layer_classes + first_layer_classes * layer : 0);
    }
};

// Sets the factors by which the layers' shifts, and the sizes of their deposits, raise what cells expect,
// and their inverses.
void set_raised(const Model& model, const Condition& condition, Shower& shower) {
    float *raised = shower.raised.data(), *lowered = shower.lowered.data();
    const float* sizes = shower.sizes.data();
    const int layers = model.layers;
    condition.interpolate(model.deposit_shift.data(), layers, raised);
    CALOFORGE_LANES
    for (int layer = 0; layer < layers; ++layer) {
        raised[layer] = exponential(raised[layer] * (1.0f / rows_per_log) - sizes[layer]);
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

// The row in the table of a sort, for a cell with what it expects, raised by the shift, and is asked with:
// 24 bits of the quantile and eight that dither the row.
CALOFORGE_INLINE std::int32_t row_of(float raised, std::uint32_t asked) {
    const float place = in_rows(above_bound(raised, lowest_gev), second_of(asked));
    return smaller(static_cast<int>(place), expectations - 1);
}

// The place in that table.
CALOFORGE_INLINE std::int32_t place_of(float raised, std::uint32_t asked) {
    const float root = fourth_root(static_cast<float>(quantile_of(asked)));  // of 2**24: 64
    return row_of(raised, asked) * quantiles + static_cast<int>(root * (columns_per_root / 64));
}

// The table of a sort.
CALOFORGE_INLINE const float* table_of(const Model& model, int sort) {
    return &model.deposit_table[static_cast<std::size_t>(sort) * expectations * quantiles];
}

CALOFORGE_END
