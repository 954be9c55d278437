// How a layer's energy is shared out among the Gaussians about the axis, 16 showers side by side.
//
//     weights = softmax(network((log(fractions + 1e-4) + 4) / 2, features))
#pragma once

#include "group.hpp"
#include "mathematics.hpp"
#include "network.hpp"

CALOFORGE_BEGIN

// Softmax over the `rings` values [rings][lanes] of each lane; weights [lanes][rings][layer_lanes].
void softmax(float* values, int rings, int layer_lanes, float* weights) {
    float largest[lanes], sum[lanes] = {};
    std::memcpy(largest, values, sizeof largest);
    for (int ring = 1; ring < rings; ++ring)
        for (int lane = 0; lane < lanes; ++lane)
            largest[lane] = at_least(values[ring * lanes + lane], largest[lane]);
    for (int ring = 0; ring < rings; ++ring)
        for (int lane = 0; lane < lanes; ++lane) {
            float& value = values[ring * lanes + lane];
            value = exponential(value - largest[lane]);
            sum[lane] += value;
        }
    for (int ring = 0; ring < rings; ++ring)
        for (int lane = 0; lane < lanes; ++lane)
            weights[(lane * rings + ring) * layer_lanes] = values[ring * lanes + lane] / sum[lane];
}

// Sets the weights of the Gaussians from the group's layer energies.
void make_pattern_weights(const Model& model, Group& group) {
    const int layers = model.layers;
    float* in = group.in.data();
    float* out = group.out.data();
    float total[lanes] = {};
    for (int layer = 0; layer < layers; ++layer)
        for (int lane = 0; lane < lanes; ++lane)
            total[lane] += group.layer_energy[layer * lanes + lane];
    for (int layer = 0; layer < layers; ++layer)
        for (int lane = 0; lane < lanes; ++lane) {
            const float share =
                group.layer_energy[layer * lanes + lane] / at_least(total[lane], 1e-12f);
            in[layer * lanes + lane] = (logarithm(share + 1e-4f) + 4.0f) * 0.5f;
        }
    std::memcpy(in + layers * lanes, group.features, static_cast<std::size_t>(model.features) * lanes * 4);
    for (int layer = 0; layer < 2; ++layer) {
        linear(model.pattern[layer], in, out);
        const int count = model.pattern[layer].out * lanes;
        CALOFORGE_LANES
        for (int i = 0; i < count; ++i) in[i] = at_least(out[i], 0.0f);
    }
    linear(model.pattern[2], in, out);
    for (int layer = 0; layer < layers; ++layer)
        softmax(&out[layer * model.rings * lanes], model.rings, model.layer_lanes,
                &group.rings[layer]);
}

CALOFORGE_END
