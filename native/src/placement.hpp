// Showers in space: from the numbers of their cells to positions in the detector.
//
//     axes: z the layers' normal; y the flight's part along the layers, or the pads' own; x = y x z
//     slope = cot(theta) of the flight to y;  depth = that of the shower's barycentre
//     hit = impact + pad_x x + (pad_y + depth slope) y + layer's depth z
//
// The image is centred on the barycentre, which the axis crosses at its depth: hence the one shift.
#pragma once

#include <vector>

#include "caloforge.h"
#include "card.hpp"

namespace caloforge {

using Vector3 = std::array<double, 3>;

// How a particle enters the layers.
struct Entry {
    Vector3 impact{}, x{}, y{}, z{};
    double theta = 0, slope = 0;

    // Throws Error for what is no direction, or none into the layers and along their y and z.
    explicit Entry(const caloforge_particle& particle);
    Entry() = default;
};

class Placer {
  public:
    // The card has a placement.
    explicit Placer(const Card& card);

    // Place `count` hits of a shower.
    void place(const Entry& entry, std::size_t count, const std::uint32_t* cell,
               const float* energy, caloforge_hit* hits) const;

  private:
    // Mean depth of a shower's energy, mm.
    double barycentre(std::size_t count, const std::uint32_t* cell, const float* energy) const;

    std::uint32_t layers_;
    std::vector<double> depths_;         // [layers] mm
    std::vector<double> pad_x_, pad_y_;  // [pads] mm, from the image's axis
};

}  // namespace caloforge
