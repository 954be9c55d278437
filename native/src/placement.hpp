// Showers in space: from the numbers of their cells to positions in the detector.
//
//     axes: z the layers' normal; y the flight's part along the layers, or the pads' own; x = y x z
//     slope = how far the flight moves along x and y for a unit of depth;  depth = that of the shower's
//     barycentre;  hit = impact + (pad_x + depth slope_x) x + (pad_y + depth slope_y) y + layer's depth z
//
// The image is centred on the barycentre, which the axis crosses at its depth: hence the one shift.
// On pads that stand still the image is moved by whole pads from the one that the particle enters, so
// that the flight passes the barycentre most closely.
#pragma once

#include <vector>

#include "caloforge.h"
#include "card.hpp"

namespace caloforge {

using Vector3 = std::array<double, 3>;
using Place = std::array<double, 2>;  // mm along the pads' x and y

// How a particle enters the layers.  Where it leans along the pads' x more than along y, these are exchanged
// (`transposed`): pads that are square look the same.  It then leans along phi, within 45 degrees of y.
struct Entry {
    Vector3 impact{}, x{}, y{}, z{};
    double theta = 0, phi = 0;
    Place slope{};
    bool transposed = false;

    // Throws Error for what is no direction, or none into the layers; and, unless the model has showers of
    // `any_phi`, for one that is not along their y and z.
    Entry(const caloforge_particle& particle, bool any_phi);
    Entry() = default;
};

class Placer {
  public:
    // The card has a placement.
    explicit Placer(const Card& card);

    // Place `count` hits of a shower.
    void place(const Entry& entry, std::size_t count, const std::uint32_t* cell,
               const float* energy, caloforge_hit* hits) const;

    // Where in its pad a particle enters, mm along x and y from the middle; `pad`: that of any pad.
    Place in_pad(const Entry& entry, const Vector3& pad) const;

    // Place them in the pads that stand still, for a particle that enters there.
    void place_on_pads(const Entry& entry, const Place& entered, std::size_t count,
                       const std::uint32_t* cell, const float* energy, caloforge_hit* hits) const;

    // In pads, as makers take it.
    std::array<float, 2> pads(const Place& place) const;

  private:
    // Where a shower's energy is on the average: x and y from the image's middle, and depth, mm.
    Vector3 barycentre(std::size_t count, const std::uint32_t* cell, const float* energy) const;
    // Place hits whose image's middle is at `middle` from the impact.
    void put(const Entry& entry, const Place& middle, std::size_t count, const std::uint32_t* cell,
             const float* energy, caloforge_hit* hits) const;

    std::uint32_t layers_, pads_y_;
    Place pitch_;                        // mm
    std::vector<double> depths_;         // [layers] mm
    std::vector<double> pad_x_, pad_y_;  // [pads] mm, from the image's axis
};

}  // namespace caloforge
