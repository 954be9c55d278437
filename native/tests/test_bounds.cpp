// The lines are above the chance of a hit: for every sort, expectation, shift and dither.
#include <cmath>

#include "checks.hpp"

using namespace caloforge;

int main(int count, char** words) {
    const Sampler sampler(bytes_of(count, words));
    const Model& model = sampler.model;
    for (int sort = 0; sort < sorts; ++sort) {
        const float* table = &model.deposit_table[std::size_t(sort) * expectations * quantiles];
        const Bound bound = model.bounds[sort];
        double above = 0, hits = 0;
        for (double shift = -4.5; shift <= 4.5; shift += 1.5) {
            const float factor = std::pow(10.0f, float(shift) / steps_per_decade);
            for (double log_expected = -12; log_expected < 1.0; log_expected += 0.003) {
                const float expected = float(std::pow(10.0, log_expected));
                const double least = std::min(std::max(expected, 2e-9f), 3.0f);
                const double place = steps_per_decade * std::log10(least / lowest_gev) + shift;
                const float line = std::min(bound.steep * factor * expected + bound.low,
                                            bound.flat * factor * expected + bound.high);
                for (double dither : {0.0, 0.002, 0.5, 0.998}) {
                    const int row = int(std::min(std::max(place + dither, 0.0), expectations - 1.0));
                    const int columns = hit_columns(table + row * quantiles);
                    const double chance = std::pow(columns / (quantiles - 0.01), 4) * 16777216.0;
                    CHECK(line >= std::min(chance, 16777216.0));
                    above += line, hits += chance;
                }
            }
        }
        CHECK(hits == 0 || above < 20 * hits);
    }
    return 0;
}
