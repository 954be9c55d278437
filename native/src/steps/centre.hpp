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

// Sums of 16 lanes each.
struct MomentLanes {
    float energy[lanes], x[lanes], y[lanes];
};

CALOFORGE_INLINE void add_cells(
    const Candidates& candidates, int first, int end, const std::int32_t* pad_xy, float first_x,
    float first_y, MomentLanes& sums) {
    const float* value = candidates.energy.data();
    const std::int32_t* pad = candidates.pad.data();
    for (int i = first; i < end; i += lanes) {
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane) {
            const float energy = value[i + lane];
            const std::int32_t xy = pad_xy[pad[i + lane]];
            sums.energy[lane] += energy;
            sums.x[lane] += energy * (static_cast<float>(xy >> 16) + first_x);
            sums.y[lane] += energy * (static_cast<float>(xy & 0xffff) + first_y);
        }
    }
}

Moments moments(const Model& model, const Shower& shower, float from_x, float from_y) {
    MomentLanes sums = {};
    const std::int32_t* pad_xy = model.pad_xy.data();
    for (int layer = 0; layer < model.layers; ++layer)
        add_cells(shower.candidates, shower.first[layer], shower.first[layer + 1], pad_xy,
                  static_cast<float>(model.reach_x) - from_x,
                  static_cast<float>(model.reach_y) + shower.centre[layer] - from_y, sums);
    const HaloHits& hits = shower.halo;
    const float *energy = hits.energy.data(), *x = hits.x.data(), *y = hits.y.data();
    for (int i = 0; i < lanes_for(hits.count); i += lanes) {
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane) {
            sums.energy[lane] += energy[i + lane];
            sums.x[lane] += energy[i + lane] * (x[i + lane] - from_x);
            sums.y[lane] += energy[i + lane] * (y[i + lane] - from_y);
        }
    }
    return {sum_of_lanes(sums.energy), sum_of_lanes(sums.x), sum_of_lanes(sums.y)};
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
    for (int pad = 0; pad < model.pads; ++pad) place[pad] = shower.nowhere;
    const int first_y = model.reach_y + move.y;
    const int begin_y = closed ? within(first_y, model.image_y) : first_y;
    int row = closed ? within(model.reach_x + move.x, model.image_x) : model.reach_x + move.x;
    for (int x = 0; x < model.window_x; ++x, place += model.stride) {
        int column = begin_y;
        for (int y = 0; y < model.window_y; ++y) {
            place[y] = (row * model.image_y + column) * model.layers;
            if (++column == model.image_y && closed) column = 0;
        }
        if (++row == model.image_x && closed) row = 0;
    }
}

// Sets the image's cells of a layer's candidates.
CALOFORGE_INLINE void set_cells(
    const std::int32_t* place, const std::int32_t* pad, int first, int end, int offset,
    std::int32_t* cell) {
    CALOFORGE_LANES
    for (int i = first; i < end; ++i) cell[i] = place[pad[i]] + offset;
}

// Sets the image's cells of the halo's hits; nowhere for those that are none.
CALOFORGE_INLINE void set_halo_cells(const Model& model, bool closed, Move move, Shower& shower) {
    const float *x = shower.halo.x.data(), *y = shower.halo.y.data();
    const float* energy = shower.halo.energy.data();
    const std::int32_t* layer = shower.halo.layer.data();
    std::int32_t* cell = shower.halo.cell.data();
    const int size_x = model.image_x, size_y = model.image_y, layers = model.layers;
    const int nowhere = shower.nowhere;
    CALOFORGE_LANES
    for (int i = 0; i < shower.halo.count; ++i) {
        int in_x = static_cast<int>(x[i]) + move.x, in_y = static_cast<int>(y[i]) + move.y;
        const int over_x = in_x < 0 ? size_x : in_x >= size_x ? -size_x : 0;
        const int over_y = in_y < 0 ? size_y : in_y >= size_y ? -size_y : 0;
        const int last_x = in_x > 0 ? size_x - 1 : 0, last_y = in_y > 0 ? size_y - 1 : 0;
        in_x = closed ? in_x + over_x : over_x == 0 ? in_x : last_x;
        in_y = closed ? in_y + over_y : over_y == 0 ? in_y : last_y;
        cell[i] = energy[i] > 0.0f ? (in_x * size_y + in_y) * layers + layer[i] : nowhere;
    }
}

// Adds the halo's hits to the image.
CALOFORGE_INLINE void add_halo(Shower& shower) {
    const std::int32_t* cells = shower.halo.cell.data();
    const float* energies = shower.halo.energy.data();
    float* value = shower.value.data();
    std::uint64_t* hit = shower.hit.data();
    for (int i = 0; i < shower.halo.count; ++i) {
        const auto cell = static_cast<std::uint32_t>(cells[i]);
        const std::uint64_t word = hit[cell >> 6], bit = word >> (cell & 63) & 1;
        value[cell] = (bit ? value[cell] : 0.0f) + energies[i];
        hit[cell >> 6] = word | static_cast<std::uint64_t>(bits_of(energies[i]) > 0) << (cell & 63);
    }
}

// Puts all hits into the image: `value`, and a bit of `hit` for each of them.
void fill_image(const Model& model, Shower& shower) {
    const bool closed = !model.inclined || model.whole;
    const Move move = closed ? closed_move(model, shower) : open_move(model, shower);
    set_places(model, closed, move, shower);
    Candidates& candidates = shower.candidates;
    for (int layer = 0; layer < model.layers; ++layer)
        set_cells(shower.place.data(), candidates.pad.data(), shower.first[layer],
                  shower.first[layer + 1],
                  static_cast<int>(shower.centre[layer]) * model.layers + layer,
                  candidates.cell.data());
    float* value = shower.value.data();
    std::uint64_t* hit = shower.hit.data();
    const std::int32_t* cells = candidates.cell.data();
    const float* energies = candidates.energy.data();
    const int count = shower.first[model.layers];
    for (int i = 0; i < count; ++i) {
        const auto cell = static_cast<std::uint32_t>(cells[i]);
        value[cell] = energies[i];
        hit[cell >> 6] |= static_cast<std::uint64_t>(bits_of(energies[i]) > 0) << (cell & 63);
    }
    set_halo_cells(model, closed, move, shower);
    add_halo(shower);
}

// Takes the hits out of the image, in the order of their cells, four at a time; returns how many.
// Up to three more are written behind them.
int take_hits(Shower& shower, std::uint32_t* cell, float* energy) {
    const float* value = shower.value.data();
    std::uint64_t* hit = shower.hit.data();
    const std::size_t words = shower.hit.size();
    constexpr std::uint64_t last = std::uint64_t{1} << 63;  // so that there is one
    int count = 0;
    for (std::size_t word = 0; word < words; ++word) {
        std::uint64_t bits = hit[word];
        hit[word] = 0;
        const int end = count + __builtin_popcountll(bits);
        for (; count < end; count += 4) {
            for (int i = 0; i < 4; ++i) {
                const auto place = static_cast<std::uint32_t>(word * 64) +
                                   (static_cast<std::uint32_t>(__builtin_ctzll(bits | last)) & 63);
                cell[count + i] = place;
                bits &= bits - 1;
            }
        }
        count = end;
    }
    CALOFORGE_LANES
    for (int i = 0; i < count; ++i) energy[i] = value[static_cast<std::int32_t>(cell[i])];
    return count;
}

CALOFORGE_END
