// What a model file says of itself: whose showers it makes, and where their cells are.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "model.hpp"
#include "range.hpp"

namespace caloforge {

struct Card {
    std::string name, detector, detector_digest, particle;
    Range energy_gev, theta_rad;
    std::array<int, 3> shape{};        // pads in x and y, and layers
    std::array<double, 2> origin_mm{}; // the first pad's middle, from the image's axis
    std::array<double, 2> pitch_mm{};  // from one pad to the next
    std::vector<double> depths_mm;     // of the layers; none where the card has no place of pads

    // These throw Error.
    void check_detector(const std::string& asked) const;
    void check_particle(const std::string& asked) const;
    void check_range(double energy, double theta) const;
    void check_placement() const;
};

// From the bytes of a model file, whose tables are the model's; throws Error.
Card read_card(std::string_view bytes, const Model& model);

}  // namespace caloforge
