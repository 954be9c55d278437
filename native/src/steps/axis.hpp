// Where the axis of a shower crosses the layers, and the window of pads that follows it.
//
//     axis = impact point + (depth - barycentre in depth) slope along y, in inclined showers, where
//     slope = cot(theta) (1 + lean) + wander normal;  centre = axis rounded to whole pads
#pragma once

#include "mathematics.hpp"
#include "shower.hpp"

CALOFORGE_BEGIN

// Sets the rows of cells that hold the windows of all layers.
void set_span(const Model& model, Shower& shower) {
    float lowest = shower.centre[0], highest = lowest;
    for (int layer = 0; layer < model.layers; ++layer) {
        lowest = at_most(shower.centre[layer], lowest);
        highest = at_least(shower.centre[layer], highest);
    }
    shower.lowest = static_cast<int>(lowest);
    shower.span = model.window_y + static_cast<int>(highest - lowest);
    shower.row = row_of(model, shower.span);
    for (int layer = 0; layer < model.layers; ++layer)
        shower.rise[layer] = static_cast<int>(shower.centre[layer] - lowest);
}

// A place in its pad, 0 to 1.
CALOFORGE_INLINE float in_pad(float pads) { return pads - whole(clamped(pads, -1e6f, 1e6f)); }

// Puts given impact points [showers][2], in pads from the middle of one, in the numbers' place.
void set_entry(Group& group, int showers, const float* impact) {
    group.at_front = impact != nullptr;
    if (!group.at_front) return;
    for (int lane = 0; lane < showers; ++lane) {
        group.impact_x[lane] = in_pad(impact[2 * lane] + 0.5f);
        group.impact_y[lane] = in_pad(impact[2 * lane + 1] + 0.5f);
    }
}

// Sets where showers of azimuths in rad lean; null: along y.
void set_toward(Group& group, int showers, const float* phi) {
    constexpr float per_turn = 0.15915494f;
    for (int lane = 0; lane < lanes; ++lane) {
        group.toward_x[lane] = 0.0f, group.toward_y[lane] = 1.0f;
        if (phi == nullptr) continue;
        const float turns = phi[smaller(lane, showers - 1)] * per_turn;
        on_circle(turns - whole(turns), group.toward_x[lane], group.toward_y[lane]);
    }
}

// An inclined shower's pads for a pad of depth, and its barycentre's depth in pads.
struct Flight {
    float slope, barycentre;
};

CALOFORGE_INLINE Flight flight_of(
    const Model& model, const Group& group, int lane, const Condition& condition,
    const Shower& shower) {
    float lean, wander, total = 0.0f, moment = 0.0f;
    condition.interpolate(model.lean.data(), 1, &lean);
    condition.interpolate(model.wander.data(), 1, &wander);
    const float slope = condition.slope * (1.0f + lean) + wander * group.tilt[0][lane];
    for (int layer = 0; layer < model.layers; ++layer) {
        total += shower.energy[layer];
        moment += shower.energy[layer] * model.depth[layer];
    }
    return {slope, moment / at_least(total, 1e-12f)};
}

// Where the axis crosses the pad, in pads from its middle along x (0) or y (1), of a particle that enters
// it at `impact`: in a table of distances.
CALOFORGE_INLINE float entered(const Model& model, int along, float impact) {
    if (model.impact.empty()) return impact;
    const float place = std::fabs(impact) * (2.0f * (impacts - 1));
    const int first = static_cast<int>(clamped(place, 0.0f, impacts - 2.0f));
    const float* table = model.impact.data() + along * impacts + first;
    const float distance = table[0] + (place - static_cast<float>(first)) * (table[1] - table[0]);
    return impact < 0.0f ? -distance : distance;
}

void set_axis(
    const Model& model, const Group& group, int lane, const Condition& condition, Shower& shower) {
    const int layers = model.layers;
    shower.axis_x = entered(model, 0, group.impact_x[lane] - 0.5f);
    float impact_y = entered(model, 1, group.impact_y[lane] - 0.5f);
    if (!model.inclined) {
        for (int layer = 0; layer < layers; ++layer) shower.axis_y[layer] = impact_y;
        return;
    }
    const auto [slope, barycentre] = flight_of(model, group, lane, condition, shower);
    if (group.at_front)
        impact_y = in_pad(group.impact_y[lane] + barycentre * condition.slope) - 0.5f;
    const float most = static_cast<float>(model.most_followed);
    for (int layer = 0; layer < layers; ++layer) {
        const float axis = impact_y + (model.depth[layer] - barycentre) * slope;
        shower.axis_y[layer] = axis;
        shower.centre[layer] =
            model.most_followed ? whole(clamped(axis + 0.5f, -most, most + 0.5f)) : 0.0f;
    }
    set_span(model, shower);
}

// How far in pads energy beside the image pulls the shower's barycentre: by a far hit now and then.
//
//     missed = +-max(0, -log(|2 u - 1|) - rarity) pull, with the sign of 2 u - 1
//
// Files of before form 11 have no rarity, and the square of the logarithm.
void set_missed(
    const Model& model, const Group& group, int lane, const Condition& condition, Shower& shower) {
    float pull, rarity = 0.0f;
    condition.interpolate(model.pull.data(), 1, &pull);
    if (!model.rarity.empty()) condition.interpolate(model.rarity.data(), 1, &rarity);
    for (int side = 0; side < 2; ++side) {
        const float either = 2.0f * group.missed[side][lane] - 1.0f;
        const float log = -logarithm(at_least(std::fabs(either), 1e-6f));
        const float size = model.rarity.empty() ? log * log : at_least(log - rarity, 0.0f);
        shower.missed[side] = (either < 0.0f ? -size : size) * pull;
    }
}

CALOFORGE_END
