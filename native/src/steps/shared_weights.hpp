// The weights of the Gaussians where one network has them in all layers, of `side` showers.
//
//     weights = softmax(network(where the layer lies in the shower, features) + the layer's bias)
//
// It is told the layer's share and energy, the share before its middle, how far it is from the
// barycentre, its depth and the shower's, and how long the shower is.  A network that says how large the
// layer's deposits are is told the response, too, and how the layer stands out of those near it.
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

// Sets the response of `side` showers, in its widths at their energies from the usual one.
template <int side>
void set_response(const Model& model, const Group& group, float* response) {
    const int corners = corners_of(model);
    float total[side] = {};
    for (int layer = 0; layer < model.layers; ++layer)
        for (int lane = 0; lane < side; ++lane)
            total[lane] += group.layer_energy[layer * side + lane];
    for (int lane = 0; lane < side; ++lane) {
        float usual = 0.0f, per_width = 0.0f;
        for (int corner = 0; corner < corners; ++corner) {
            const float *row = &model.usual[2 * group.knot[corner][lane]], weight = group.weight[corner][lane];
            usual += weight * row[0], per_width += weight * row[1];
        }
        response[lane] = clamped((total[lane] / group.energy[lane] - usual) * per_width, -4.0f, 4.0f);
    }
}

// How a layer of `side` showers stands out of itself and the two before and behind it, where the first and
// the last go on: twice that is told.
template <int side>
void set_standing_out(const Group& group, int layers, int layer, float* told) {
    float near[side] = {};
    for (int step = -2; step <= 2; ++step) {
        const float* energy = &group.layer_energy[smaller(larger(layer + step, 0), layers - 1) * side];
        for (int lane = 0; lane < side; ++lane) near[lane] += energy[lane];
    }
    const float* energy = &group.layer_energy[layer * side];
    for (int lane = 0; lane < side; ++lane) {
        const float ratio = at_least(energy[lane], 1e-6f) / at_least(0.2f * near[lane], 1e-6f);
        told[lane] = 2.0f * clamped(logarithm(ratio), -2.0f, 2.0f);
    }
}

// Sets the weights of the Gaussians, and the sizes of deposits, from the group's layer energies.
template <int side>
void make_shared_weights(const Model& model, Group& group) {
    const int layers = model.layers, rings = model.rings, outputs = model.pattern_outputs();
    const float per_layer = 4.0f / static_cast<float>(layers);
    float *in = group.in.data(), *out = group.out.data(), *share = group.shares.data();
    float before[side] = {}, middle[side], width_in_depth[side], response[side] = {};
    set_fractions<side>(model, group, share);
    set_depths<side>(layers, share, middle, width_in_depth);
    if (model.sizes) set_response<side>(model, group, response);
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
        if (model.sizes) {
            for (int lane = 0; lane < side; ++lane) in[7 * side + lane] = 0.5f * response[lane];
            set_standing_out<side>(group, layers, layer, in + 8 * side);
        }
        group.set_features<side>(model, in + model.pattern_inputs() * side);
        rectified_network<side>(model.pattern, in, out);
        for (int output = 0; output < outputs; ++output)
            for (int lane = 0; lane < side; ++lane)
                out[output * side + lane] += model.pattern_bias[layer * outputs + output];
        if (model.sizes)
            for (int lane = 0; lane < side; ++lane)
                group.sizes[lane * model.layer_lanes + layer] =
                    clamped(out[rings * side + lane], -2.0f, 2.0f);
        softmax<side>(out, rings, model.layer_lanes, &group.rings[layer]);
    }
}

CALOFORGE_END
