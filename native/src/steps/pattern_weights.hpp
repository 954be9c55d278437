// How a layer's energy is shared out among the Gaussians about the axis, of `side` showers.
//
//     weights = softmax(network((log(fractions + 1e-4) + 4) / 2, features))
#pragma once

#include "group.hpp"
#include "mathematics.hpp"
#include "network.hpp"

CALOFORGE_BEGIN

// Softmax over the `rings` values [rings][side] of each shower; weights [side][rings][layer_lanes].
template <int side>
void softmax(float* values, int rings, int layer_lanes, float* weights) {
    float largest[side], part[side], sum[side] = {};
    std::memcpy(largest, values, sizeof largest);
    for (int ring = 1; ring < rings; ++ring)
        for (int lane = 0; lane < side; ++lane)
            largest[lane] = at_least(values[ring * side + lane], largest[lane]);
    for (int ring = 0; ring < rings; ++ring)
        for (int lane = 0; lane < side; ++lane)
            values[ring * side + lane] = exponential(values[ring * side + lane] - largest[lane]);
    for (int ring = 0; ring < rings; ++ring)
        for (int lane = 0; lane < side; ++lane) sum[lane] += values[ring * side + lane];
    for (int lane = 0; lane < side; ++lane) part[lane] = 1.0f / sum[lane];
    for (int ring = 0; ring < rings; ++ring)
        for (int lane = 0; lane < side; ++lane)
            weights[(lane * rings + ring) * layer_lanes] = values[ring * side + lane] * part[lane];
}

// Sets the layers' fractions [layers][side] of the showers' energies.
template <int side>
void set_fractions(const Model& model, const Group& group, float* share) {
    float total[side] = {};
    for (int layer = 0; layer < model.layers; ++layer)
        for (int lane = 0; lane < side; ++lane)
            total[lane] += group.layer_energy[layer * side + lane];
    for (int lane = 0; lane < side; ++lane) total[lane] = 1.0f / at_least(total[lane], 1e-12f);
    for (int layer = 0; layer < model.layers; ++layer)
        for (int lane = 0; lane < side; ++lane)
            share[layer * side + lane] = group.layer_energy[layer * side + lane] * total[lane];
}

// What a network makes of `in`, which it overwrites: rectified in its hidden layers.
template <int side>
void rectified_network(const Network& network, float* in, float* out) {
    for (int layer = 0; layer < 2; ++layer) {
        linear<side>(network[layer], in, out);
        const int count = network[layer].out * side;
        CALOFORGE_LANES
        for (int i = 0; i < count; ++i) in[i] = at_least(out[i], 0.0f);
    }
    linear<side>(network[2], in, out);
}

// Sets the weights of the Gaussians from the group's layer energies.
template <int side>
void make_pattern_weights(const Model& model, Group& group) {
    const int layers = model.layers;
    float* in = group.in.data();
    float* out = group.out.data();
    set_fractions<side>(model, group, in);
    for (int i = 0; i < layers * side; ++i) in[i] = (logarithm(in[i] + 1e-4f) + 4.0f) * 0.5f;
    group.set_features<side>(model, in + layers * side);
    rectified_network<side>(model.pattern, in, out);
    for (int layer = 0; layer < layers; ++layer)
        softmax<side>(&out[layer * model.rings * side], model.rings, model.layer_lanes,
                      &group.rings[layer]);
}

CALOFORGE_END
