// The image, centred on the barycentre as Geant4's are, and its hits in the order of the cells.
//
// The barycentre is rounded to whole pads, and the image is moved by them.  A perpendicular shower's
// image is closed: what leaves it on one side enters on the other.  An inclined one's is moved by two
// pads at most, and hits stay at its border.
#pragma once

#include "mathematics.hpp"
#include "selection.hpp"
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
    const Model& model, const Shower& shower, float first_x, float first_y, MomentLanes& sums) {
    const Hits& hits = shower.hits;
    const float* value = hits.energy.data();
    const std::int32_t *pad = hits.pad.data(), *pad_xy = model.pad_xy.data();
    for (int i = 0; i < hits.end; i += lanes) {
        const float in_layer_y = first_y + shower.centre[hits.layer[i / lanes]];
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane) {
            const float energy = value[i + lane];
            const std::int32_t xy = pad_xy[pad[i + lane]];
            sums.energy[lane] += energy;
            sums.x[lane] += energy * (static_cast<float>(xy >> 16) + first_x);
            sums.y[lane] += energy * (static_cast<float>(xy & 0xffff) + in_layer_y);
        }
    }
}

Moments moments(const Model& model, const Shower& shower, float from_x, float from_y) {
    MomentLanes sums = {};
    add_cells(model, shower, static_cast<float>(model.reach_x) - from_x,
              static_cast<float>(model.reach_y) - from_y, sums);
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
    for (int pad = model.window_x * model.stride; pad < model.pads; ++pad) place[pad] = shower.nowhere;
    const int first_y = model.reach_y + move.y;
    const int begin_y = closed ? within(first_y, model.image_y) : first_y;
    int row = closed ? within(model.reach_x + move.x, model.image_x) : model.reach_x + move.x;
    for (int x = 0; x < model.window_x; ++x, place += model.stride) {
        const int first = row * model.image_y + begin_y;
        const int inside = closed ? model.image_y - begin_y : model.window_y;
        CALOFORGE_LANES
        for (int y = 0; y < model.stride; ++y) {
            const int cell = (first + y - (y < inside ? 0 : model.image_y)) * model.layers;
            place[y] = y < model.window_y ? cell : shower.nowhere;
        }
        if (++row == model.image_x && closed) row = 0;
    }
}

// Sets the image's cells of the halo's hits; nowhere for those that are none.
CALOFORGE_INLINE void set_halo_cells(const Model& model, bool closed, Move move, Shower& shower) {
    const float *x = shower.halo.x.data(), *y = shower.halo.y.data();
    const float* energy = shower.halo.energy.data();
    const std::int32_t* layer = shower.halo.layer.data();
    std::int32_t* cell = shower.halo.cell.data();
    const int size_x = model.image_x, size_y = model.image_y, layers = model.layers;
    const int nowhere = shower.nowhere;
    const int count = lanes_for(shower.halo.count);
    CALOFORGE_LANES
    for (int i = 0; i < count; ++i) {
        int in_x = static_cast<int>(x[i]) + move.x, in_y = static_cast<int>(y[i]) + move.y;
        const int over_x = in_x < 0 ? size_x : in_x >= size_x ? -size_x : 0;
        const int over_y = in_y < 0 ? size_y : in_y >= size_y ? -size_y : 0;
        const int last_x = in_x > 0 ? size_x - 1 : 0, last_y = in_y > 0 ? size_y - 1 : 0;
        in_x = closed ? in_x + over_x : over_x == 0 ? in_x : last_x;
        in_y = closed ? in_y + over_y : over_y == 0 ? in_y : last_y;
        cell[i] = energy[i] > 0.0f ? (in_x * size_y + in_y) * layers + layer[i] : nowhere;
    }
}

// Sets the image's cells of the window's hits.
CALOFORGE_INLINE void set_cells(const Model& model, Shower& shower) {
    Hits& hits = shower.hits;
    const std::int32_t *place = shower.place.data(), *pad = hits.pad.data();
    std::int32_t* cell = hits.cell.data();
    for (int first = 0; first < hits.end; first += lanes) {
        const int layer = hits.layer[first / lanes];
        const int offset = static_cast<int>(shower.centre[layer]) * model.layers + layer;
        CALOFORGE_LANES
        for (int i = first; i < first + lanes; ++i) cell[i] = place[pad[i]] + offset;
    }
}

// Places all hits in the image, which is a bit a cell.
void set_image(const Model& model, Shower& shower) {
    const bool closed = !model.inclined || model.whole;
    const Move move = closed ? closed_move(model, shower) : open_move(model, shower);
    set_places(model, closed, move, shower);
    set_cells(model, shower);
    set_halo_cells(model, closed, move, shower);
    std::uint8_t* image = shower.image.data();
    const std::int32_t* cells = shower.hits.cell.data();
    for (int layer = 0; layer < model.layers; ++layer) {
        const int last = shower.hits.last[layer];
        for (int i = shower.hits.first[layer]; i < last; ++i) {
            const auto cell = static_cast<std::uint32_t>(cells[i]);
            image[cell >> 3] = static_cast<std::uint8_t>(image[cell >> 3] | 1u << (cell & 7));
        }
    }
    const std::int32_t* halo_cells = shower.halo.cell.data();
    std::uint8_t* again = shower.halo.again.data();
    for (int i = 0, count = shower.halo.count; i < count; ++i) {
        const auto cell = static_cast<std::uint32_t>(halo_cells[i]);
        const unsigned byte = image[cell >> 3];
        again[i] = byte >> (cell & 7) & 1;
        image[cell >> 3] = static_cast<std::uint8_t>(byte | 1u << (cell & 7));
    }
}

// How many hits there are in cells before one.
struct Rank {
    const std::uint8_t* image;
    const std::int32_t* before;  // of each 64 cells

    CALOFORGE_INLINE int operator()(std::uint32_t cell) const {
        std::uint64_t bits;
        std::memcpy(&bits, image + (cell >> 6 << 3), 8);
        return before[cell >> 6] +
               __builtin_popcountll(bits & ((std::uint64_t{1} << (cell & 63)) - 1));
    }
};

// Takes the hits in the order of their cells; returns how many.  Those of no energy, which are
// nowhere in the image, come behind them.
int take_hits(const Model& model, Shower& shower, std::uint32_t* cell, float* energy) {
    const std::uint8_t* image = shower.image.data();
    std::int32_t* before = shower.before.data();
    for (int word = 0, words = shower.words, count = 0; word < words; ++word) {
        std::uint64_t bits;
        std::memcpy(&bits, image + 8 * word, 8);
        before[word] = count;
        count += __builtin_popcountll(bits);
    }
    const Rank rank{image, before};
    const std::int32_t* cells = shower.hits.cell.data();
    const float* energies = shower.hits.energy.data();
    for (int layer = 0; layer < model.layers; ++layer) {
        const int last = shower.hits.last[layer];
        for (int i = shower.hits.first[layer]; i < last; ++i) {
            const auto of_hit = static_cast<std::uint32_t>(cells[i]);
            const int place = rank(of_hit);
            cell[place] = of_hit;
            energy[place] = energies[i];
        }
    }
    cells = shower.halo.cell.data();
    energies = shower.halo.energy.data();
    const std::uint8_t* again = shower.halo.again.data();
    for (int i = 0, end = shower.halo.count; i < end; ++i) {
        const auto of_hit = static_cast<std::uint32_t>(cells[i]);
        const int place = rank(of_hit);
        cell[place] = of_hit;
        energy[place] = (again[i] ? energy[place] : 0.0f) + energies[i];
    }
    const int count = rank(static_cast<std::uint32_t>(shower.nowhere));
    std::memset(shower.image.data(), 0, shower.image.size());
    return count;
}

CALOFORGE_END
