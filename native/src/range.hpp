// A range of energies or angles, for values that went through float32.
#pragma once

namespace caloforge {

struct Range {
    double low = 0, high = 0;

    bool holds(double value) const {
        constexpr double tolerance = 1e-4;
        return value >= low * (1 - tolerance) && value <= high * (1 + tolerance);
    }
};

}  // namespace caloforge
