// What a shower is made for, as weights of knots between which measured tables are interpolated.
//
// Knots are equally spaced in log(energy) and, where showers are inclined, in cos(theta)**2:
//
//     place = (log(energy) - log(lowest)) * 8 / log(highest / lowest), features = place * 4 / 8 - 2.
#pragma once

#include "group.hpp"
#include "mathematics.hpp"

CALOFORGE_BEGIN

// Sets features, knots and weights from the group's energies (GeV) and angles (rad).
template <int side>
void set_conditions(const Model& model, Group& group) {
    constexpr float per_turn = 0.15915494f;
    for (int lane = 0; lane < side; ++lane) {
        constexpr float last = energy_knots - 1.0f;
        const float place =
            clamped((logarithm(group.energy[lane]) - model.log_low) * model.per_log, 0.0f, last);
        const float low = whole(at_most(place, last - 1.0f)), part = place - low;
        group.features[0][lane] = place * (4.0f / last) - 2.0f;
        const int row = static_cast<int>(low) * (model.inclined ? angle_knots : 1);
        if (!model.inclined) {
            group.knot[0][lane] = row, group.knot[1][lane] = row + 1;
            group.weight[0][lane] = 1.0f - part, group.weight[1][lane] = part;
            continue;
        }
        float cosine, sine;
        on_circle(group.theta[lane] * per_turn, cosine, sine);
        group.slope[lane] = cosine / sine;
        group.stretch[lane] = 1.0f / sine;
        const float angle = clamped(cosine * cosine * model.per_tilt, 0.0f, angle_knots - 1.0f);
        group.features[1][lane] = angle * (4.0f / (angle_knots - 1.0f)) - 2.0f;
        for (int corner = 0; corner < most_corners; ++corner) {
            const int in_energy = corner / 2, in_angle = corner % 2;
            group.knot[corner][lane] = row + in_energy * angle_knots + in_angle;
            group.weight[corner][lane] =
                (in_energy ? part : 1.0f - part) * (in_angle ? angle : 1.0f - angle);
        }
    }
}

CALOFORGE_END
