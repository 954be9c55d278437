// The image, centred on the barycentre as Geant4's are, and its hits in the order of the cells.
//
// The barycentre is rounded to whole pads, and the image is moved by them.  A perpendicular shower's
// image is closed: what leaves it on one side enters on the other.  An inclined one's is moved by two
// pads at most, and hits stay at its border.
#pragma once

#include "mathematics.hpp"
#include "shower.hpp"

CALOFORGE_BEGIN

struct Move {
    int x, y;
};

// Sums over cells and halo hits of energy, energy x and energy y; pads from the image's corner.
struct Moments {
    float energy, x, y;
};

Moments moments(const Model& model, const Shower& shower, float from_x, float from_y) {
    float energy[lanes] = {}, in_x[lanes] = {}, in_y[lanes] = {};
    for (int layer = 0; layer < model.layers; ++layer) {
        const float first_x = static_cast<float>(model.reach_x) - from_x;
        const float first_y = static_cast<float>(model.reach_y) + shower.centre[layer] - from_y;
        for (int i = shower.first[layer]; i < shower.first[layer + 1]; i += lanes) {
            CALOFORGE_LANES
            for (int lane = 0; lane < lanes; ++lane) {
                const float value = shower.candidates.energy[i + lane];
                const int pad = shower.candidates.pad[i + lane];
                energy[lane] += value;
                in_x[lane] += value * (model.pad_x[pad] + first_x);
                in_y[lane] += value * (model.pad_y[pad] + first_y);
            }
        }
    }
    const HaloHits& hits = shower.halo;
    for (int i = 0; i < lanes_for(hits.count); i += lanes) {
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane) {
            const float value = hits.energy[i + lane];
            energy[lane] += value;
            in_x[lane] += value * (hits.x[i + lane] - from_x);
            in_y[lane] += value * (hits.y[i + lane] - from_y);
        }
    }
    return {sum_of_lanes(energy), sum_of_lanes(in_x), sum_of_lanes(in_y)};
}

// Whole pads that a perpendicular shower's image is moved by: its barycentre, from the middle pad.
Move closed_move(const Model& model, const Shower& shower) {
    const Moments sums = moments(
        model, shower, static_cast<float>(model.image_x / 2), static_cast<float>(model.image_y / 2));
    const float total = at_least(sums.energy, 1e-12f);
    const float most_x = static_cast<float>(model.image_x), most_y = static_cast<float>(model.image_y);
    return {-static_cast<int>(whole(clamped(sums.x / total + 0.5f, -most_x, most_x))),
            -static_cast<int>(whole(clamped(sums.y / total + 0.5f, -most_y, most_y)))};
}

CALOFORGE_INLINE int to_centre(float barycentre, int size, int most) {
    const float near = whole(clamped(barycentre + 0.5f, -1e6f, 1e6f));
    const float pads = whole(0.5f * static_cast<float>(size - 1) - near);
    return static_cast<int>(clamped(pads, static_cast<float>(-most), static_cast<float>(most)));
}

Move open_move(const Model& model, const Shower& shower) {
    const Moments sums = moments(model, shower, 0.0f, 0.0f);
    const float per_energy = 1.0f / at_least(sums.energy, 1e-12f);
    return {to_centre(sums.x * per_energy, model.image_x, model.most_moved),
            to_centre(sums.y * per_energy, model.image_y, model.most_moved)};
}

// A place brought into 0 ... size - 1 by whole sizes; it is at most two of them away.
CALOFORGE_INLINE int within(int place, int size) {
    return ((place % size) + size) % size;
}

// Sets the image's cell, in the first layer, of each pad of a window that is not moved along y.
void set_places(const Model& model, bool closed, Move move, Shower& shower) {
    std::int32_t* place = shower.place.data();
    for (int x = 0; x < model.window_x; ++x) {
        int row = x + model.reach_x + move.x;
        if (closed) row = within(row, model.image_x);
        for (int y = 0; y < model.window_y; ++y) {
            int column = y + model.reach_y + move.y;
            if (closed) column = within(column, model.image_y);
            place[x * model.stride + y] = (row * model.image_y + column) * model.layers;
        }
    }
}

CALOFORGE_INLINE void put(Shower& shower, std::int32_t cell, float energy) {
    shower.value[cell] = energy;
    shower.hit[cell >> 6] |= static_cast<std::uint64_t>(energy > 0.0f) << (cell & 63);
}

CALOFORGE_INLINE void add(Shower& shower, std::int32_t cell, float energy) {
    const bool there = (shower.hit[cell >> 6] >> (cell & 63)) & 1;
    put(shower, cell, there ? shower.value[cell] + energy : energy);
}

// Puts all hits into the image.
void fill_image(const Model& model, Shower& shower) {
    const bool closed = !model.inclined || model.whole;
    const Move move = closed ? closed_move(model, shower) : open_move(model, shower);
    set_places(model, closed, move, shower);
    for (int layer = 0; layer < model.layers; ++layer) {
        const int offset =
            static_cast<int>(shower.centre[layer]) * model.layers + layer;
        for (int i = shower.first[layer]; i < shower.first[layer + 1]; ++i)
            if (shower.candidates.energy[i] > 0.0f)
                put(shower, shower.place[shower.candidates.pad[i]] + offset, shower.candidates.energy[i]);
    }
    const HaloHits& hits = shower.halo;
    for (int i = 0; i < hits.count; ++i) {
        if (!(hits.energy[i] > 0.0f)) continue;
        int x = static_cast<int>(hits.x[i]) + move.x, y = static_cast<int>(hits.y[i]) + move.y;
        x = closed ? within(x, model.image_x) : smaller(x > 0 ? x : 0, model.image_x - 1);
        y = closed ? within(y, model.image_y) : smaller(y > 0 ? y : 0, model.image_y - 1);
        add(shower, (x * model.image_y + y) * model.layers + hits.layer[i], hits.energy[i]);
    }
}

// Takes the hits out of the image, in the order of their cells; returns how many.
int take_hits(Shower& shower, std::uint32_t* cell, float* energy) {
    int count = 0;
    for (std::size_t word = 0; word < shower.hit.size(); ++word) {
        std::uint64_t bits = shower.hit[word];
        shower.hit[word] = 0;
        for (; bits != 0; bits &= bits - 1) {
            const auto place = static_cast<std::uint32_t>(word * 64) +
                               static_cast<std::uint32_t>(__builtin_ctzll(bits));
            cell[count] = place;
            energy[count++] = shower.value[place];
        }
    }
    return count;
}

CALOFORGE_END
