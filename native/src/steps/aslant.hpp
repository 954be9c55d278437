// Showers that lean elsewhere than along the pads' y.
//
// Each layer's window follows the axis along x, too, so cells lie as in the windows, layer by layer, and
// are put into the image one by one.  A Gaussian that is stretched aslant is no product in x and y: it
// is the mean of two that are, whose mean and covariance are its own.
#pragma once

#include "axis.hpp"
#include "centre.hpp"
#include "mathematics.hpp"
#include "pattern.hpp"
#include "shower.hpp"

CALOFORGE_BEGIN

constexpr float straight = 1e-6f;  // cosine of phi below which a shower leans along y

CALOFORGE_INLINE bool is_aslant(const Model& model, const Group& group, int lane) {
    return model.inclined && std::fabs(group.toward_x[lane]) > straight;
}

// Sets the axis, and the windows that follow it along x and y.
void set_axis_aslant(
    const Model& model, const Group& group, int lane, const Condition& condition, Shower& shower) {
    Aslant& aslant = shower.aslant;
    const int layers = model.layers;
    const float toward_x = group.toward_x[lane], toward_y = group.toward_y[lane];
    float impact_x = group.impact_x[lane] - 0.5f, impact_y = group.impact_y[lane] - 0.5f;
    const auto [slope, barycentre] = flight_of(model, group, lane, condition, shower);
    if (group.at_front) {
        const float moved = barycentre * condition.slope;
        impact_x = in_pad(group.impact_x[lane] + moved * toward_x) - 0.5f;
        impact_y = in_pad(group.impact_y[lane] + moved * toward_y) - 0.5f;
    }
    aslant.toward_x = toward_x, aslant.toward_y = toward_y;
    const float along_x = static_cast<float>(model.reach_x - model.most_moved);
    const float along_y = static_cast<float>(model.most_followed);
    for (int layer = 0; layer < layers; ++layer) {
        const float moved = (model.depth[layer] - barycentre) * slope;
        const float x = impact_x + moved * toward_x, y = impact_y + moved * toward_y;
        const float middle_x = whole(clamped(x + 0.5f, -along_x, along_x + 0.5f));
        const float middle_y = whole(clamped(y + 0.5f, -along_y, along_y + 0.5f));
        aslant.axis_x[layer] = x - middle_x, shower.axis_y[layer] = y;
        aslant.aside[layer] = middle_x, shower.centre[layer] = middle_y;
        shower.rise[layer] = 0;
    }
    shower.lowest = 0;
    shower.span = model.window_y;
    shower.row = row_of(model, shower.span);
}

// Sets the shares [pads][lanes] of a Gaussian at `centre` in the layers' rows of pads; returns their sums.
CALOFORGE_INLINE void set_shares_of_layers(
    const Model& model, const float* centre, float steepness, float apart, int pads, float* share,
    float* sum) {
    const float begin = first_edge(pads);
    float edge[lanes], lowest[lanes];
    CALOFORGE_LANES
    for (int lane = 0; lane < lanes; ++lane)
        lowest[lane] = edge[lane] = error_function((begin - centre[lane]) * steepness - apart);
    for (int pad = 0; pad < pads; ++pad) {
        const float next = begin + static_cast<float>(pad + 1);
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane) {
            const float after = error_function((next - centre[lane]) * steepness - apart);
            share[pad * lanes + lane] = at_least(0.5f * (after - edge[lane]), 0.0f);
            edge[lane] = after;
        }
    }
    float factor[lanes];
    CALOFORGE_LANES
    for (int lane = 0; lane < lanes; ++lane) {
        sum[lane] = 0.5f * (edge[lane] - lowest[lane]);
        factor[lane] = model.whole ? 1.0f / at_least(sum[lane], 1e-12f) : 1.0f;
        sum[lane] *= factor[lane];
    }
    if (!model.whole) return;
    for (int pad = 0; pad < pads; ++pad) {
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane) share[pad * lanes + lane] *= factor[lane];
    }
}

// Adds what a Gaussian gives to the cells of some layers, and takes it from what is beside.
CALOFORGE_INLINE void add_ring(
    const Model& model, int first, const float* weight, Shower& shower, float* beside) {
    Aslant& aslant = shower.aslant;
    const float *in_x = aslant.in_x.data(), *in_y = aslant.in_y.data();
    CALOFORGE_LANES
    for (int lane = 0; lane < lanes; ++lane)
        beside[lane] += weight[lane] * (1.0f - aslant.sum_x[lane] * aslant.sum_y[lane]);
    for (int x = 0; x < model.window_x; ++x) {
        float of_row[lanes];
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane) of_row[lane] = in_x[x * lanes + lane] * weight[lane];
        float* expected = &aslant.expected[static_cast<std::size_t>(x) * shower.row + first];
        for (int y = 0; y < model.window_y; ++y, expected += model.layers) {
            const float* share = in_y + y * lanes;
            CALOFORGE_LANES
            for (int lane = 0; lane < lanes; ++lane)
                expected[lane] = fused(of_row[lane], share[lane], expected[lane]);
        }
    }
}

// Sets what all cells of the windows expect in GeV, raised, and what the layers expect beside them.
void set_expected_aslant(const Model& model, const Condition& condition, Shower& shower) {
    Aslant& aslant = shower.aslant;
    const float toward_x = aslant.toward_x, toward_y = aslant.toward_y, slope = condition.slope;
    const float square = condition.stretch * condition.stretch;
    const float width_x = square_root(toward_y * toward_y + toward_x * toward_x * square);
    const float width_y = square_root(toward_x * toward_x + toward_y * toward_y * square);
    const float correlation = toward_x * toward_y * (square - 1.0f) / (width_x * width_y);
    const float size = std::fabs(correlation), narrow = square_root(1.0f - size);
    const float apart = square_root(0.5f * size) / narrow;
    std::memset(aslant.expected.data(), 0,
                static_cast<std::size_t>(model.window_x) * shower.row * sizeof(float));
    for (int first = 0; first < model.layer_lanes; first += lanes) {
        float beside[lanes] = {}, centre_x[lanes], centre_y[lanes], weight[lanes];
        for (int ring = 0; ring < model.rings; ++ring) {
            const int place = ring * model.layer_lanes + first;
            CALOFORGE_LANES
            for (int lane = 0; lane < lanes; ++lane) {
                const float moved = slope * (model.shift_at[place + lane] +
                    model.shift_with_energy[place + lane] * condition.energy_feature);
                centre_x[lane] = aslant.axis_x[first + lane] + moved * toward_x;
                centre_y[lane] = shower.axis_y[first + lane] - shower.centre[first + lane] + moved * toward_y;
                weight[lane] = 0.5f * shower.rings[place + lane];
            }
            for (int side = -1; side <= 1; side += 2) {
                const float off = static_cast<float>(side) * apart;
                set_shares_of_layers(
                    model, centre_x, model.steepness[ring] / (width_x * narrow), off,
                    model.window_x, aslant.in_x.data(), aslant.sum_x);
                set_shares_of_layers(
                    model, centre_y, model.steepness[ring] / (width_y * narrow),
                    correlation < 0.0f ? -off : off, model.window_y, aslant.in_y.data(), aslant.sum_y);
                add_ring(model, first, weight, shower, beside);
            }
        }
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane)
            shower.beside[first + lane] = beside[lane] * shower.lowered[first + lane];
    }
}

// Whole pads by which the image is moved to have the barycentre in its middle.
Corner move_of_aslant(const Model& model, Shower& shower) {
    const Aslant& aslant = shower.aslant;
    const Sums& sums = shower.sums;
    HaloHits& hits = shower.halo;
    const float* scale = shower.scale.data();
    const bool closed = is_closed(model);
    const float from_x = closed ? static_cast<float>(model.image_x / 2) : 0.0f;
    const float from_y = closed ? static_cast<float>(model.image_y / 2) : 0.0f;
    float energy = 0.0f, moment_x = 0.0f, moment_y = 0.0f;
    for (int layer = 0; layer < model.layers; ++layer) {
        const float total = sums.total[layer];
        const float first_x = static_cast<float>(model.reach_x) + aslant.aside[layer] - from_x;
        const float first_y = static_cast<float>(model.reach_y) + shower.centre[layer] - from_y;
        energy += scale[layer] * total;
        moment_x += scale[layer] * (sums.total_x[layer] + first_x * total);
        moment_y += scale[layer] * (sums.total_y[layer] + first_y * total);
    }
    for (int i = 0; i < hits.count; ++i) {
        hits.scaled[i] = hits.energy[i] * scale[hits.layer[i]];
        energy += hits.scaled[i];
        moment_x += hits.scaled[i] * (hits.x[i] - from_x);
        moment_y += hits.scaled[i] * (hits.y[i] - from_y);
    }
    const float total = at_least(energy, 1e-12f);
    const float x = moment_x / total + shower.missed[0], y = moment_y / total + shower.missed[1];
    if (closed) return {closed_move(x), closed_move(y)};
    return {open_move(x, model.image_x, model.most_moved),
            open_move(y, model.image_y, model.most_moved)};
}

// A row of pads in an image that is closed, or at whose border hits stay.
CALOFORGE_INLINE int in_image(bool closed, int place, int size) {
    return closed ? within(place, size) : larger(smaller(place, size - 1), 0);
}

// Puts the cells' energies and the halo's into the image.
void fill_image(const Model& model, Corner move, Shower& shower) {
    Aslant& aslant = shower.aslant;
    const HaloHits& hits = shower.halo;
    const bool closed = is_closed(model);
    const int layers = model.layers;
    float* image = aslant.image.data();
    const auto cell = [&](int x, int y, int layer) {
        return (in_image(closed, x, model.image_x) * model.image_y +
                in_image(closed, y, model.image_y)) * layers + layer;
    };
    for (int x = 0; x < model.window_x; ++x) {
        const float* deposit = &shower.deposit[static_cast<std::size_t>(x) * shower.row];
        for (int y = 0; y < model.window_y; ++y, deposit += layers)
            for (int layer = 0; layer < layers; ++layer) {
                const float made = deposit[layer] * shower.of_layers.scale[layer];
                if (made >= threshold_gev)
                    image[cell(x + model.reach_x + static_cast<int>(aslant.aside[layer]) + move.x,
                               y + model.reach_y + static_cast<int>(shower.centre[layer]) + move.y,
                               layer)] += made;
            }
    }
    for (int i = 0; i < hits.count; ++i)
        if (hits.energy[i] > 0.0f)
            image[cell(static_cast<int>(hits.x[i]) + move.x, static_cast<int>(hits.y[i]) + move.y,
                       hits.layer[i])] += hits.scaled[i];
}

// Takes the hits in the order of their cells, and leaves the image empty; returns how many.
template <class Cell>
int take_hits_aslant(const Model& model, Shower& shower, Cell* cell, float* energy) {
    fill_image(model, move_of_aslant(model, shower), shower);
    float* image = shower.aslant.image.data();
    const int cells = model.cells();
    int count = 0;
    for (int first = 0; first < cells; first += lanes) {
        std::int32_t any = 0;
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane) any |= bits_of(image[first + lane]);
        if (any == 0) continue;
        for (int i = first; i < first + lanes; ++i) {
            if (image[i] > 0.0f) {
                cell[count] = static_cast<Cell>(i);
                energy[count++] = image[i];
            }
            image[i] = 0.0f;
        }
    }
    return count;
}

CALOFORGE_END
