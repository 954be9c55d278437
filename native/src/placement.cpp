#include "placement.hpp"

#include <cmath>
#include <utility>

#include "model_file.hpp"

namespace caloforge {
namespace {

constexpr float ns_per_mm = static_cast<float>(1 / 299.792458);  // of light
constexpr double along = 1e-9;     // less of a unit vector than this is no part of it
constexpr double sideways = 1e-3;  // of a direction, along x, for which models have no angle
constexpr double along_y = 1.5707963267948966;  // the phi of flights along y
constexpr double steep = 0.9;      // more of z than this along the detector's y: take its z axis

double dot(const Vector3& a, const Vector3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

Vector3 plus(const Vector3& a, double factor, const Vector3& b) {
    return {a[0] + factor * b[0], a[1] + factor * b[1], a[2] + factor * b[2]};
}

Vector3 cross(const Vector3& a, const Vector3& b) {
    return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

[[noreturn]] void bad(const std::string& line) { throw Error(CALOFORGE_BAD_INPUT, line); }

Vector3 finite(const double values[3], const char* what) {
    for (int axis = 0; axis < 3; ++axis)
        if (!std::isfinite(values[axis])) bad(std::string(what) + " must be finite");
    return {values[0], values[1], values[2]};
}

Vector3 unit(const Vector3& vector, const char* what) {
    const double length = std::sqrt(dot(vector, vector));
    if (!(length > 0 && std::isfinite(length))) bad(std::string(what) + " must have a length");
    return {vector[0] / length, vector[1] / length, vector[2] / length};
}

bool is_zero(const Vector3& vector) { return vector == Vector3{}; }

// The part of a vector across z.
Vector3 across(const Vector3& vector, const Vector3& z) { return plus(vector, -dot(vector, z), z); }

Vector3 y_axis(const Vector3& asked, const Vector3& direction, const Vector3& z) {
    if (!is_zero(asked)) {
        const Vector3 y = across(unit(asked, "pad_y"), z);
        if (dot(y, y) < along * along) bad("pad_y must not be the layers' normal");
        return unit(y, "pad_y");
    }
    const Vector3 tilt = across(direction, z);
    if (dot(tilt, tilt) > along * along) return unit(tilt, "direction");
    const bool steep_y = std::abs(z[1]) > steep;
    return unit(across(steep_y ? Vector3{0, 0, 1} : Vector3{0, 1, 0}, z), "pad_y");
}

}  // namespace

Entry::Entry(const caloforge_particle& particle, bool any_phi)
    : impact(finite(particle.impact, "impact")), phi(along_y) {
    const Vector3 direction = unit(finite(particle.direction, "direction"), "direction");
    const Vector3 normal = finite(particle.normal, "normal");
    z = is_zero(normal) ? direction : unit(normal, "normal");
    y = y_axis(finite(particle.pad_y, "pad_y"), direction, z);
    x = cross(y, z);
    const double into = dot(direction, z);
    Place tilt{dot(direction, x), dot(direction, y)};
    if (!(into > along)) bad("direction must lead into the layers, along their normal");
    if (std::abs(tilt[0]) <= sideways) {
        theta = std::atan2(into, tilt[1]);
        slope = {0, tilt[1] / into};
        return;
    }
    if (!any_phi)
        bad("direction must be along the pads' y axis and the layers' normal: there is no other angle");
    transposed = std::abs(tilt[0]) > std::abs(tilt[1]);
    if (transposed) std::swap(x, y), std::swap(tilt[0], tilt[1]);
    const double sign = tilt[1] < 0 ? -1 : 1;
    theta = std::atan2(into, sign * std::hypot(tilt[0], tilt[1]));
    if (std::abs(tilt[0]) > sideways) phi = std::atan2(sign * tilt[1], sign * tilt[0]);
    slope = {tilt[0] / into, tilt[1] / into};
}

Placer::Placer(const Card& card)
    : layers_(static_cast<std::uint32_t>(card.shape[2])),
      pads_y_(static_cast<std::uint32_t>(card.shape[1])), pitch_(card.pitch_mm),
      depths_(card.depths_mm) {
    for (int x = 0; x < card.shape[0]; ++x)
        for (int y = 0; y < card.shape[1]; ++y) {
            pad_x_.push_back(card.origin_mm[0] + x * card.pitch_mm[0]);
            pad_y_.push_back(card.origin_mm[1] + y * card.pitch_mm[1]);
        }
}

Vector3 Placer::barycentre(
    std::size_t count, const std::uint32_t* cell, const float* energy) const {
    double sum = 0;
    Vector3 moment{};
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t pad = cell[i] / layers_;
        sum += energy[i];
        moment[0] += energy[i] * pad_x_[pad];
        moment[1] += energy[i] * pad_y_[pad];
        moment[2] += energy[i] * depths_[cell[i] % layers_];
    }
    for (double& each : moment) each = sum > 0 ? each / sum : 0;
    return moment;
}

Place Placer::in_pad(const Entry& entry, const Vector3& pad) const {
    const Vector3 from = plus(entry.impact, -1, pad);
    Place place{dot(from, entry.x), dot(from, entry.y)};
    for (int axis = 0; axis < 2; ++axis)
        place[axis] -= pitch_[axis] * std::rint(place[axis] / pitch_[axis]);
    return place;
}

std::array<float, 2> Placer::pads(const Place& place) const {
    return {static_cast<float>(place[0] / pitch_[0]), static_cast<float>(place[1] / pitch_[1])};
}

void Placer::place(const Entry& entry, std::size_t count, const std::uint32_t* cell,
                   const float* energy, caloforge_hit* hits) const {
    const bool inclined = entry.slope[0] != 0 || entry.slope[1] != 0;
    const double depth = inclined ? barycentre(count, cell, energy)[2] : 0;
    put(entry, {entry.slope[0] * depth, entry.slope[1] * depth}, count, cell, energy, hits);
}

void Placer::place_on_pads(const Entry& entry, const Place& entered, std::size_t count,
                           const std::uint32_t* cell, const float* energy,
                           caloforge_hit* hits) const {
    const Vector3 centre = barycentre(count, cell, energy);
    const Place flight{entered[0] + entry.slope[0] * centre[2],
                       entered[1] + entry.slope[1] * centre[2]};
    Place middle;
    for (int axis = 0; axis < 2; ++axis)
        middle[axis] = pitch_[axis] * std::rint((flight[axis] - centre[axis]) / pitch_[axis]) - entered[axis];
    put(entry, middle, count, cell, energy, hits);
}

void Placer::put(const Entry& entry, const Place& middle, std::size_t count,
                 const std::uint32_t* cell, const float* energy, caloforge_hit* hits) const {
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t pad = cell[i] / layers_, layer = cell[i] - pad * layers_;
        const double x = pad_x_[pad] + middle[0], y = pad_y_[pad] + middle[1], z = depths_[layer];
        const Vector3 from = plus(plus(plus(Vector3{}, x, entry.x), y, entry.y), z, entry.z);
        const auto distance = std::sqrt(static_cast<float>(x * x + y * y + z * z));
        hits[i] = {static_cast<float>(entry.impact[0] + from[0]),
                   static_cast<float>(entry.impact[1] + from[1]),
                   static_cast<float>(entry.impact[2] + from[2]),
                   energy[i], distance * ns_per_mm,
                   entry.transposed ? (pad % pads_y_ * pads_y_ + pad / pads_y_) * layers_ + layer : cell[i],
                   layer};
    }
}

}  // namespace caloforge
