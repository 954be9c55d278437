// The weights of the Gaussians where one network has them in all layers, of `side` showers.
//
//     weights = softmax(network(where the layer lies in the shower, features) + the layer's bias)
//
// It is told the layer's share and energy, the share before its middle, how far it is from the
// barycentre, its depth and the shower's, and how long the shower is.
#pragma once

#include "layers.hpp"
#include "pattern_weights.hpp"

CALOFORGE_BEGIN

// Barycentre and width in depth, in layers, of `side` showers whose layers have these shares.
template <int side>
void set_depths(int layers, const float* share, float* middle, float* width_in_depth) {
    float square[side] = {};
    for (int lane = 0; lane < side; ++lane) middle[lane] = 0.0f;
    for (int layer = 0; layer < layers; ++layer)
        for (int lane = 0; lane < side; ++lane)
            middle[lane] += share[layer * side + lane] * static_cast<float>(layer);
    for (int layer = 0; layer < layers; ++layer)
        for (int lane = 0; lane < side; ++lane) {
            const float from = static_cast<float>(layer) - middle[lane];
            square[lane] += share[layer * side + lane] * (from * from);
        }
    for (int lane = 0; lane < side; ++lane) width_in_depth[lane] = std::sqrt(square[lane] + 1e-6f);
}

// Sets the weights of the Gaussians from the group's layer energies.
template <int side>
void make_shared_weights(const Model& model, Group& group) {
    const int layers = model.layers, rings = model.rings;
    const float per_layer = 4.0f / static_cast<float>(layers);
    float *in = group.in.data(), *out = group.out.data(), *share = group.shares.data();
    float before[side] = {}, middle[side], width_in_depth[side];
    set_fractions<side>(model, group, share);
    set_depths<side>(layers, share, middle, width_in_depth);
    for (int layer = 0; layer < layers; ++layer) {
        const float depth = static_cast<float>(layer);
        for (int lane = 0; lane < side; ++lane) {
            const float mine = share[layer * side + lane];
            const float energy = at_least(group.layer_energy[layer * side + lane], floor_gev);
            before[lane] += mine;
            in[0 * side + lane] = 0.5f * logarithm(mine + 1e-4f) + 2.0f;
            in[1 * side + lane] = 0.3f * logarithm(energy) + 2.1f;
            in[2 * side + lane] = 2.0f * (before[lane] - 0.5f * mine) - 1.0f;
            in[3 * side + lane] = (depth - middle[lane]) / 5.0f;
            in[4 * side + lane] = per_layer * depth - 2.0f;
            in[5 * side + lane] = per_layer * middle[lane] - 2.0f;
            in[6 * side + lane] = 2.0f * per_layer * width_in_depth[lane] - 1.0f;
        }
        group.set_features<side>(model, in + shared_inputs * side);
        rectified_network<side>(model.pattern, in, out);
        for (int ring = 0; ring < rings; ++ring)
            for (int lane = 0; lane < side; ++lane)
                out[ring * side + lane] += model.pattern_bias[layer * rings + ring];
        softmax<side>(out, rings, model.layer_lanes, &group.rings[layer]);
    }
}

CALOFORGE_END
