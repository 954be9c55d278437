// The energies of the layers: a normalising flow of `side` showers.
//
//     flow = normal numbers; for each coupling, last one first:
//         (s, t) = network(first half, features); second half = second half exp(tanh(s)) + t
//     score = colouring flow, clamped to +-3.3; the colouring may be linear between the knots
//     log fraction = the variable's quantiles, linear between 33 scores, linear between the knots
//     energy = exp(log fraction) scale Ep, then with r = sum(energy) / Ep times slope + offset / r
//
// A variable is a layer; where the layer is drawn in which a shower begins, it is a place in depth from
// there on, and layers before have nothing.  Where the sum is drawn it is the last variable, and
// exp(log fraction) scale is multiplied by it over sum(exp(log fraction) scale in_sum).
#pragma once

#include "group.hpp"
#include "mathematics.hpp"
#include "network.hpp"

CALOFORGE_BEGIN

constexpr float floor_gev = 1e-5f;  // fainter layers are empty

template <int side>
void couple(const Model& model, const Coupling& coupling, Group& group, float* flow) {
    const int size = model.variables, kept = size / 2, moved = size - kept;
    float* in = group.in.data();
    float* out = group.out.data();
    std::memcpy(in, flow, static_cast<std::size_t>(kept) * side * 4);
    group.set_features<side>(model, in + kept * side);
    for (int layer = 0; layer < 2; ++layer) {
        linear<side>(coupling.network[layer], in, out);
        const int count = coupling.network[layer].out * side;
        CALOFORGE_LANES
        for (int i = 0; i < count; ++i) in[i] = sigmoid_linear(out[i]);
    }
    linear<side>(coupling.network[2], in, out);
    const float* shift = out + moved * side;
    float* ordered = in;
    std::memcpy(ordered, flow, static_cast<std::size_t>(size) * side * 4);
    CALOFORGE_LANES
    for (int i = 0; i < moved * side; ++i) {
        const float factor = exponential(hyperbolic_tangent(out[i]));
        ordered[kept * side + i] = ordered[kept * side + i] * factor + shift[i];
    }
    for (int i = 0; i < size; ++i)
        std::memcpy(flow + i * side, ordered + coupling.inverse_order[i] * side, side * 4);
}

// The scores of a variable, from all of the flow's numbers.
template <int side>
CALOFORGE_INLINE void set_score(const Model& model, int variable, const float* flow, float* score) {
    constexpr int size = side < width ? side : width;
    using Vector = Floats<size>;
    constexpr int parts = side / size;
    Vector sum[parts] = {};
    for (int i = 0; i < model.variables; ++i) {
        const Vector weight = model.colouring[i * model.variables + variable] - Vector{};
        for (int part = 0; part < parts; ++part)
            sum[part] = fused(loaded<Vector>(flow + i * side + part * size), weight, sum[part]);
    }
    std::memcpy(score, sum, sizeof sum);
}

// The scores of all variables, where their correlations are linear between the knots.
template <int side>
void set_local_scores(const Model& model, const float* flow, Group& group) {
    const int size = model.variables;
    float *colouring = group.colouring.data(), *score = group.of_one.data();
    for (int lane = 0; lane < side; ++lane) {
        const Condition condition(model, group, lane);
        condition.interpolate(model.colouring.data(), size * size, colouring);
        std::memset(score, 0, size * sizeof(float));
        for (int i = 0; i < size; ++i) {
            const float number = flow[i * side + lane];
            const float* row = colouring + i * size;
            CALOFORGE_LANES
            for (int k = 0; k < size; ++k) score[k] = fused(number, row[k], score[k]);
        }
        for (int i = 0; i < size; ++i) group.score[i * side + lane] = score[i];
    }
}

// The layers' fractions in showers that begin in one that is drawn, from those of places in depth.
template <int side>
void set_beginning(const Model& model, Group& group) {
    const int layers = model.layers;
    const std::int32_t* place = model.place.data();
    float* begun = group.of_one.data();
    for (int lane = 0; lane < side; ++lane) {
        const Condition condition(model, group, lane);
        condition.interpolate(model.begun.data(), layers - 1, begun);
        int later = 0;
        for (int layer = 0; layer + 1 < layers; ++layer)
            later += group.beginning[lane] >= begun[layer] ? place[layer + 1] - place[layer] : 0;
        for (int layer = 0; layer < layers; ++layer) {
            const int from = place[layer] - later;
            group.layer_energy[layer * side + lane] =
                from < 0 ? 0.0f : group.variables[from * side + lane];
        }
    }
}

// Lets the layers share the sum that is drawn.
template <int side>
void share_sum(const Model& model, Group& group) {
    const float* sum = &group.variables[(model.variables - 1) * side];
    float made[side] = {}, factor[side];
    for (int layer = 0; layer < model.layers; ++layer)
        for (int lane = 0; lane < side; ++lane)
            made[lane] += group.layer_energy[layer * side + lane] * model.in_sum[layer];
    for (int lane = 0; lane < side; ++lane) factor[lane] = sum[lane] / at_least(made[lane], 1e-9f);
    for (int layer = 0; layer < model.layers; ++layer)
        for (int lane = 0; lane < side; ++lane)
            group.layer_energy[layer * side + lane] *= factor[lane];
}

// The fractions of Ep of a variable, for normal scores of it, before they are scaled.
template <int side>
void fractions(const Model& model, const Group& group, int variable, const float* score, float* made) {
    constexpr int columns = score_steps + 1;
    constexpr float per_step = score_steps / (2.0f * score_range);
    const int corners = model.inclined ? 4 : 2;
    float log_fraction[side] = {};
    for (int corner = 0; corner < corners; ++corner) {
        for (int lane = 0; lane < side; ++lane) {
            const float place = clamped((score[lane] + score_range) * per_step, 0.0f, score_steps);
            const int column = static_cast<int>(at_most(place, score_steps - 1.0f));
            const float part = place - static_cast<float>(column);
            const float* table =
                &model.quantiles[(group.knot[corner][lane] * model.variables + variable) * columns +
                                 column];
            log_fraction[lane] +=
                group.weight[corner][lane] * (table[0] + part * (table[1] - table[0]));
        }
    }
    for (int lane = 0; lane < side; ++lane)
        made[lane] = exponential(log_fraction[lane]);
}

// Correct the mean and the width of the response, the sum of the layers over Ep.
template <int side>
void correct_response(const Model& model, Group& group) {
    float response[side] = {}, factor[side];
    for (int layer = 0; layer < model.layers; ++layer)
        for (int lane = 0; lane < side; ++lane)
            response[lane] += group.layer_energy[layer * side + lane];
    for (int lane = 0; lane < side; ++lane) {
        float offset = 0.0f, slope = 0.0f;
        for (int corner = 0; corner < (model.inclined ? 4 : 2); ++corner) {
            const float* row = &model.response[2 * group.knot[corner][lane]];
            offset += group.weight[corner][lane] * row[0];
            slope += group.weight[corner][lane] * row[1];
        }
        factor[lane] = (slope + offset / at_least(response[lane], 1e-9f)) * group.energy[lane];
    }
    for (int layer = 0; layer < model.layers; ++layer) {
        for (int lane = 0; lane < side; ++lane) {
            float& energy = group.layer_energy[layer * side + lane];
            energy *= factor[lane];
            energy = energy >= floor_gev ? at_most(energy, 1e9f) : 0.0f;
        }
    }
}

// Sets the group's layer energies from its uniform numbers.
template <int side>
void make_layer_energies(const Model& model, Group& group) {
    const int layers = model.layers, pairs = model.flow_numbers() / 2;
    float* flow = group.flow_numbers.data();
    for (int pair = 0; pair < pairs; ++pair)
        for (int lane = 0; lane < side; ++lane) {
            float& first = flow[pair * side + lane];
            float& second = flow[(pairs + pair) * side + lane];
            normal_pair(first, second, first, second);
        }
    for (std::size_t step = model.couplings.size(); step-- > 0;)
        couple<side>(model, model.couplings[step], group, flow);
    if (model.local) set_local_scores<side>(model, flow, group);
    for (int i = 0; i < model.variables; ++i) {
        float* score = &group.score[i * side];
        if (!model.local) set_score<side>(model, i, flow, score);
        fractions<side>(model, group, i, score, &group.variables[i * side]);
    }
    float* layer_energy = group.layer_energy.data();
    if (model.converts)
        set_beginning<side>(model, group);
    else
        std::memcpy(layer_energy, group.variables.data(), sizeof(float) * layers * side);
    for (int layer = 0; layer < layers; ++layer)
        for (int lane = 0; lane < side; ++lane) layer_energy[layer * side + lane] *= model.scale[layer];
    if (model.draws_sum) share_sum<side>(model, group);
    correct_response<side>(model, group);
}

CALOFORGE_END
