// The energies of the layers: a normalising flow, 16 showers side by side.
//
//     flow = normal numbers; for each coupling, last one first:
//         (s, t) = network(first half, features); second half = second half exp(tanh(s)) + t
//     score = colouring flow, clamped to +-3.3
//     log fraction = the layer's quantiles, linear between 33 scores, linear between the knots
//     energy = exp(log fraction) scale Ep, then with r = sum(energy) / Ep times slope + offset / r
#pragma once

#include "group.hpp"
#include "mathematics.hpp"
#include "network.hpp"

CALOFORGE_BEGIN

constexpr float floor_gev = 1e-5f;  // fainter layers are empty

void couple(const Model& model, const Coupling& coupling, Group& group, float* flow) {
    const int layers = model.layers, kept = layers / 2, moved = layers - kept;
    float* in = group.in.data();
    float* out = group.out.data();
    std::memcpy(in, flow, static_cast<std::size_t>(kept) * lanes * 4);
    std::memcpy(in + kept * lanes, group.features, static_cast<std::size_t>(model.features) * lanes * 4);
    for (int layer = 0; layer < 2; ++layer) {
        linear(coupling.network[layer], in, out);
        const int count = coupling.network[layer].out * lanes;
        CALOFORGE_LANES
        for (int i = 0; i < count; ++i) in[i] = sigmoid_linear(out[i]);
    }
    linear(coupling.network[2], in, out);
    const float* shift = out + moved * lanes;
    float* ordered = in;
    std::memcpy(ordered, flow, static_cast<std::size_t>(layers) * lanes * 4);
    CALOFORGE_LANES
    for (int i = 0; i < moved * lanes; ++i) {
        const float factor = exponential(hyperbolic_tangent(out[i]));
        ordered[kept * lanes + i] = ordered[kept * lanes + i] * factor + shift[i];
    }
    for (int layer = 0; layer < layers; ++layer)
        std::memcpy(flow + layer * lanes, ordered + coupling.inverse_order[layer] * lanes, lanes * 4);
}

// The scores of a layer, from all of the flow's numbers.
CALOFORGE_INLINE void set_score(const Model& model, int layer, const float* flow, float* score) {
    using Vector = Floats<width>;
    constexpr int parts = lanes / width;
    Vector sum[parts] = {};
    for (int i = 0; i < model.layers; ++i) {
        const Vector weight = model.colouring[i * model.layers + layer] - Vector{};
        for (int part = 0; part < parts; ++part)
            sum[part] = fused(
                *reinterpret_cast<const Vector*>(flow + i * lanes + part * width), weight, sum[part]);
    }
    std::memcpy(score, sum, sizeof sum);
}

// The fractions of Ep in a layer, for normal scores of it.
void fractions(const Model& model, const Group& group, int layer, const float* score, float* made) {
    constexpr int columns = score_steps + 1;
    constexpr float per_step = score_steps / (2.0f * score_range);
    const int corners = model.inclined ? 4 : 2;
    float log_fraction[lanes] = {};
    for (int corner = 0; corner < corners; ++corner) {
        for (int lane = 0; lane < lanes; ++lane) {
            const float place = clamped((score[lane] + score_range) * per_step, 0.0f, score_steps);
            const int column = static_cast<int>(at_most(place, score_steps - 1.0f));
            const float part = place - static_cast<float>(column);
            const float* table =
                &model.quantiles[(group.knot[corner][lane] * model.layers + layer) * columns + column];
            log_fraction[lane] +=
                group.weight[corner][lane] * (table[0] + part * (table[1] - table[0]));
        }
    }
    for (int lane = 0; lane < lanes; ++lane)
        made[lane] = exponential(log_fraction[lane]) * model.scale[layer];
}

// Correct the mean and the width of the response, the sum of the layers over Ep.
void correct_response(const Model& model, Group& group) {
    float response[lanes] = {}, factor[lanes];
    for (int layer = 0; layer < model.layers; ++layer)
        for (int lane = 0; lane < lanes; ++lane)
            response[lane] += group.layer_energy[layer * lanes + lane];
    for (int lane = 0; lane < lanes; ++lane) {
        float offset = 0.0f, slope = 0.0f;
        for (int corner = 0; corner < (model.inclined ? 4 : 2); ++corner) {
            const float* row = &model.response[2 * group.knot[corner][lane]];
            offset += group.weight[corner][lane] * row[0];
            slope += group.weight[corner][lane] * row[1];
        }
        factor[lane] = (slope + offset / at_least(response[lane], 1e-9f)) * group.energy[lane];
    }
    for (int layer = 0; layer < model.layers; ++layer) {
        for (int lane = 0; lane < lanes; ++lane) {
            float& energy = group.layer_energy[layer * lanes + lane];
            energy *= factor[lane];
            energy = energy >= floor_gev ? at_most(energy, 1e9f) : 0.0f;
        }
    }
}

// Sets the group's layer energies from its uniform numbers.
void make_layer_energies(const Model& model, Group& group) {
    const int layers = model.layers, pairs = model.flow_numbers() / 2;
    float* flow = group.flow_numbers.data();
    for (int pair = 0; pair < pairs; ++pair)
        for (int lane = 0; lane < lanes; ++lane) {
            float& first = flow[pair * lanes + lane];
            float& second = flow[(pairs + pair) * lanes + lane];
            normal_pair(first, second, first, second);
        }
    for (std::size_t step = model.couplings.size(); step-- > 0;)
        couple(model, model.couplings[step], group, flow);
    for (int layer = 0; layer < layers; ++layer) {
        float score[lanes];
        set_score(model, layer, flow, score);
        fractions(model, group, layer, score, &group.layer_energy[layer * lanes]);
    }
    correct_response(model, group);
}

CALOFORGE_END
