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
    const Hits& hits, int layer, const std::int32_t* pad_xy, float first_x, float first_y,
    MomentLanes& sums) {
    const float* value = hits.energy.data();
    const std::int32_t* pad = hits.pad.data();
    for (int i = hits.first[layer]; i < hits.last[layer]; i += lanes) {
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
        add_cells(shower.hits, layer, pad_xy, static_cast<float>(model.reach_x) - from_x,
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
    std::uint8_t* hit = shower.hit.data();
    for (int i = 0; i < shower.halo.count; ++i) {
        const auto cell = static_cast<std::uint32_t>(cells[i]);
        const unsigned byte = hit[cell >> 3], there = byte >> (cell & 7) & 1;
        value[cell] = (there ? value[cell] : 0.0f) + energies[i];
        const unsigned is_hit = bits_of(energies[i]) > 0;
        hit[cell >> 3] = static_cast<std::uint8_t>(byte | is_hit << (cell & 7));
    }
}

// Puts all hits into the image: `value`, and a bit of `hit` for each of them.
void fill_image(const Model& model, Shower& shower) {
    const bool closed = !model.inclined || model.whole;
    const Move move = closed ? closed_move(model, shower) : open_move(model, shower);
    set_places(model, closed, move, shower);
    const Hits& hits = shower.hits;
    const std::int32_t *place = shower.place.data(), *pad = hits.pad.data();
    const float* energy = hits.energy.data();
    float* value = shower.value.data();
    std::uint8_t* hit = shower.hit.data();
    for (int layer = 0; layer < model.layers; ++layer) {
        const int offset = static_cast<int>(shower.centre[layer]) * model.layers + layer;
        for (int i = hits.first[layer], last = hits.last[layer]; i < last; ++i) {
            const auto cell = static_cast<std::uint32_t>(place[pad[i]] + offset);
            value[cell] = energy[i];
            hit[cell >> 3] = static_cast<std::uint8_t>(hit[cell >> 3] | 1u << (cell & 7));
        }
    }
    set_halo_cells(model, closed, move, shower);
    add_halo(shower);
}

// Lists the bytes of `hit` that are not zero; returns how many there are.
CALOFORGE_INLINE int list_bytes(Shower& shower) {
    constexpr std::uint64_t ones = 0x0101010101010101u, sevens = 0x7f * ones;
    const std::uint8_t* hit = shower.hit.data();
    std::uint8_t* full = shower.full.data();
    for (int word = 0; word < shower.words; ++word) {
        std::uint64_t bits;
        std::memcpy(&bits, hit + 8 * word, 8);
        full[word] = bits != 0;
    }
    std::int32_t *list = shower.list.data(), *bytes = shower.bytes.data();
    const int words = list_ones(full, (shower.words + 7) / 8 * 8, list);
    int found = 0;
    for (int i = 0; i < words; ++i) {
        std::uint64_t bits;
        std::memcpy(&bits, hit + 8 * list[i], 8);
        const std::uint64_t set = (((bits & sevens) + sevens) | bits) >> 7 & ones;
        std::uint8_t marks[8];
        std::memcpy(marks, &set, 8);
        const int more = list_ones(marks, 8, bytes + found);
        for (int k = 0; k < 8; ++k) bytes[found + k] += 8 * list[i];
        found += more;
    }
    return found;
}

// Takes the hits out of the image, in the order of their cells; returns how many.  Up to eight more
// are written behind them.
int take_hits(Shower& shower, std::uint32_t* cell, float* energy) {
    std::uint8_t* hit = shower.hit.data();
    const std::int32_t* bytes = shower.bytes.data();
    const int listed = list_bytes(shower);
    int count = 0;
    for (int i = 0; i < listed; ++i) {
        const std::uint8_t bits = hit[bytes[i]];
        const auto first = static_cast<std::uint32_t>(bytes[i]) * 8;
        for (int k = 0; k < 8; ++k) cell[count + k] = first + places_of_bits.places[bits][k];
        count += __builtin_popcount(bits);
    }
    std::memset(hit, 0, static_cast<std::size_t>(shower.words) * 8);
    const float* value = shower.value.data();
    CALOFORGE_LANES
    for (int i = 0; i < count; ++i) energy[i] = value[static_cast<std::int32_t>(cell[i])];
    return count;
}

CALOFORGE_END
