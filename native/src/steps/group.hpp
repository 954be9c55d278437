// The memory of the steps: 16 showers side by side (`Group`), then one shower after the other.
#pragma once

#include <cstdint>
#include <cstring>

#include "../model.hpp"
#include "mathematics.hpp"
#include "random.hpp"
#include "set.hpp"

CALOFORGE_BEGIN

constexpr int most_corners = 4;  // knots around a condition
inline int corners_of(const Model& model) { return model.inclined ? 4 : 2; }

// Values [...][side] of as many showers as there are lanes, or of one: side by side in steps that are
// templates of their number.
struct Group {
    explicit Group(const Model& model)
        : flow_numbers(model.flow_numbers() * lanes),
          field_numbers(model.field_numbers() * lanes),
          hit_numbers(model.hit_count_numbers() * lanes),
          colouring(model.local ? model.variables * model.variables : 0),
          score(model.variables * lanes),
          of_one(model.variables),
          variables(model.variables * lanes),
          layer_energy(model.layers * lanes),
          shares(model.shared ? model.layers * lanes : 0),
          rings(lanes * model.rings * model.layer_lanes),
          sizes(model.sizes ? lanes * model.layer_lanes : 0),
          in(widest(model) * lanes),
          out(widest(model) * lanes) {}

    // The most numbers that a network's layer takes or gives.
    static std::size_t widest(const Model& model) {
        int most = larger(2 * model.variables, model.pattern_inputs()) + model.features;
        for (const Coupling& coupling : model.couplings)
            if (coupling.network[0].out > most) most = coupling.network[0].out;
        for (const Linear& layer : model.pattern)
            if (layer.out > most) most = layer.out;
        return most;
    }

    alignas(64) float energy[lanes] = {}, theta[lanes] = {};
    alignas(64) float slope[lanes] = {}, stretch[lanes] = {};  // cot(theta), 1 / sin(theta)
    alignas(64) float features[2][lanes] = {};
    alignas(64) float weight[most_corners][lanes] = {};
    alignas(64) std::int32_t knot[most_corners][lanes] = {};
    alignas(64) float impact_x[lanes] = {}, impact_y[lanes] = {};  // uniform numbers
    alignas(64) float toward_x[lanes] = {}, toward_y[lanes] = {};  // unit vectors along which they lean
    bool at_front = false;  // whether they are where particles enter, not where the axis is crossed
    alignas(64) float tilt[2][lanes] = {};                         // uniform, then [0] is normal
    alignas(64) float beginning[lanes] = {};                       // uniform
    alignas(64) float missed[2][lanes] = {};                       // uniform
    // Sets what a network is told of the showers' conditions.
    template <int side>
    void set_features(const Model& model, float* values) const {
        for (int feature = 0; feature < model.features; ++feature)
            std::memcpy(values + feature * side, features[feature], side * sizeof(float));
    }

    Array<float> flow_numbers;  // uniform
    Array<float> field_numbers;  // [lanes][poles + 1][layers], uniform: of the field in rings
    Array<float> hit_numbers;   // [lanes][3][layers], uniform: of the numbers of hits
    Array<float> colouring;     // [flow][variables] of one shower
    Array<float> score;         // [variables]
    Array<float> of_one;        // [variables] of one shower
    Array<float> variables;     // [variables] fractions of the energy
    Array<float> layer_energy;  // [layers] GeV
    Array<float> shares;        // [layers] of the shower's energy
    Array<float> rings;         // [lanes][rings][layer_lanes]: weights of the Gaussians
    Array<float> sizes;         // [lanes][layer_lanes]: logarithms, of deposits over the usual ones
    Array<float> in, out;       // of a network's layer
    Random random[lanes];
};

// A shower's condition: the knots around it.
struct Condition {
    int corners;
    int knot[most_corners];
    float weight[most_corners];
    float slope, stretch, energy_feature;

    Condition(const Model& model, const Group& group, int lane)
        : corners(corners_of(model)),
          slope(group.slope[lane]),
          stretch(group.stretch[lane]),
          energy_feature(group.features[0][lane]) {
        for (int corner = 0; corner < corners; ++corner) {
            knot[corner] = group.knot[corner][lane];
            weight[corner] = group.weight[corner][lane];
        }
    }

    // A table [knots][count] between the knots.
    void interpolate(const float* table, int count, float* values) const {
        for (int i = 0; i < count; ++i) values[i] = weight[0] * table[knot[0] * count + i];
        for (int corner = 1; corner < corners; ++corner) {
            const float* row = table + knot[corner] * count;
            for (int i = 0; i < count; ++i) values[i] += weight[corner] * row[i];
        }
    }
};

CALOFORGE_END
