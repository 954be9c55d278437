// Bound, then ask: two straight lines above the chance that a cell is hit.
//
// A cell that expects m takes the row floor(place + dither) of its sort's table, where
// place = 8 log10(m / 10 eV) and dither is uniform in [0, 1): row k or k + 1 if k <= place < k + 1.
// It is hit if u**(1/4) (quantiles - 0.01) < occupied(row), the number of the row's columns with
// hits.  So the chance of a hit never exceeds max(chance(k), chance(k + 1)), and as lines that rise
// need only be above it at the smallest m of each k, where place is k:
//
//     low  = chance(0) for all m below the first row; steep = the least slope that is enough;
//     flat, high: of the lines through two of these points that are above all of them, the one that
//     leaves least room.
#include <algorithm>
#include <array>
#include <cmath>

#include "model.hpp"

namespace caloforge {

// Columns without a hit hold at most exp(-20), the faintest hit has exp(-18.5) of what is expected.
constexpr float faintest_hit = 4.5e-9f;

int hit_columns(const float* row) {
    int columns = 0;
    while (columns < quantiles && row[columns] > faintest_hit) ++columns;
    return columns;
}

Bound bound_of(const float* table) {
    constexpr double units = 16777216.0, room = 1.0001;  // for the rounding of float32
    std::array<double, expectations> chance{}, at{};
    for (int row = 0; row < expectations; ++row) {
        const double edge = hit_columns(table + row * quantiles) / (quantiles - 0.01);
        chance[row] = std::min(1.0, std::pow(edge, 4)) * room + 2.0 / units;
        at[row] = lowest_gev * std::pow(10.0, row / static_cast<double>(steps_per_decade)) / room;
    }
    const double low = chance[0];
    for (int row = 0; row + 1 < expectations; ++row)
        chance[row] = std::max(chance[row], chance[row + 1]);
    double steep = 0.0;
    for (int row = 0; row < expectations; ++row)
        steep = std::max(steep, (chance[row] - low) / at[row]);
    double flat = 0.0, high = *std::max_element(chance.begin(), chance.end()), least = 1e30;
    for (int from = 0; from < expectations; ++from) {
        for (int to = from + 1; to < expectations; ++to) {
            const double slope = std::max(0.0, (chance[to] - chance[from]) / (at[to] - at[from]));
            double start = low, above = 0.0;
            for (int row = 0; row < expectations; ++row)
                start = std::max(start, chance[row] - slope * at[row]);
            for (int row = 0; row < expectations; ++row)
                above += std::min(steep * at[row] + low, slope * at[row] + start) - chance[row];
            if (above < least) least = above, flat = slope, high = start;
        }
    }
    return {static_cast<float>(steep * units), static_cast<float>(low * units),
            static_cast<float>(flat * units), static_cast<float>(high * units)};
}

}  // namespace caloforge
