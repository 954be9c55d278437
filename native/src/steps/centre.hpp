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

// Where the window's first pad is in the image.
struct Corner {
    int x, y;
};

// Sums over cells and halo hits of energy, energy x and energy y.
struct Moments {
    float energy, x, y;
};

// Sums of 16 lanes each.
struct MomentLanes {
    float energy[lanes], x[lanes], y[lanes];
};

CALOFORGE_INLINE bool is_closed(const Model& model) { return !model.inclined || model.whole; }

// Where the window's first pad is before the image is moved.
CALOFORGE_INLINE Corner unmoved(const Model& model, const Shower& shower) {
    return {model.reach_x, model.reach_y + shower.lowest};
}

// Sets the energies of the halo's hits, too.  Pads are counted from `from`.
Moments moments(const Model& model, Shower& shower, float from_x, float from_y) {
    MomentLanes lane_sums = {};
    const Sums& sums = shower.sums;
    const float* scale = shower.scale.data();
    const Corner corner = unmoved(model, shower);
    const float first_x = static_cast<float>(corner.x) - from_x;
    const float first_y = static_cast<float>(corner.y) - from_y;
    for (int first = 0; first < model.layer_lanes; first += lanes) {
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane) {
            const int layer = first + lane;
            const float total = sums.total[layer];
            lane_sums.energy[lane] += scale[layer] * total;
            lane_sums.x[lane] += scale[layer] * (sums.total_x[layer] + first_x * total);
            lane_sums.y[lane] += scale[layer] * (sums.total_y[layer] + first_y * total);
        }
    }
    HaloHits& hits = shower.halo;
    const float *energy = hits.energy.data(), *x = hits.x.data(), *y = hits.y.data();
    const std::int32_t* layer = hits.layer.data();
    float* scaled = hits.scaled.data();
    for (int i = 0; i < lanes_for(hits.count); i += lanes) {
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane) {
            scaled[i + lane] = energy[i + lane] * scale[layer[i + lane]];
            lane_sums.energy[lane] += scaled[i + lane];
            lane_sums.x[lane] += scaled[i + lane] * (x[i + lane] - from_x);
            lane_sums.y[lane] += scaled[i + lane] * (y[i + lane] - from_y);
        }
    }
    return {sum_of_lanes(lane_sums.energy), sum_of_lanes(lane_sums.x), sum_of_lanes(lane_sums.y)};
}

// A place brought into 0 ... size - 1 by whole sizes.
CALOFORGE_INLINE int within(int place, int size) {
    return ((place % size) + size) % size;
}

// Whole pads that a perpendicular shower's image is moved by: its barycentre, from the middle pad.
CALOFORGE_INLINE int closed_move(float barycentre) {
    return -static_cast<int>(whole(clamped(barycentre + 0.5f, -1e6f, 1e6f)));
}

// Whole pads that an inclined shower's image is moved by: at most `most`.
CALOFORGE_INLINE int open_move(float barycentre, int size, int most) {
    const float near = whole(clamped(barycentre + 0.5f, -1e6f, 1e6f));
    const float pads = static_cast<float>(size / 2) - near;
    return static_cast<int>(clamped(pads, static_cast<float>(-most), static_cast<float>(most)));
}

// Whole pads along x and y by which the image is moved.
CALOFORGE_INLINE Corner move_of(const Model& model, Shower& shower) {
    if (model.in_rings) return {0, 0};  // about the particle, wherever its energy falls
    const bool closed = is_closed(model);
    const Moments sums = moments(model, shower, closed ? static_cast<float>(model.image_x / 2) : 0.0f,
                                 closed ? static_cast<float>(model.image_y / 2) : 0.0f);
    const float total = at_least(sums.energy, 1e-12f);
    const float x = sums.x / total + shower.missed[0], y = sums.y / total + shower.missed[1];
    if (closed) return {closed_move(x), closed_move(y)};
    return {open_move(x, model.image_x, model.most_moved),
            open_move(y, model.image_y, model.most_moved)};
}

// A place in a closed image of a row of pads, from 0 to below twice its size.
CALOFORGE_INLINE int on_other_side(int place, int size) {
    const auto on = static_cast<std::uint32_t>(place), over = on - static_cast<std::uint32_t>(size);
    return static_cast<int>(on < over ? on : over);
}

// Sets where the halo's hits are in a closed image: beside the window, in cells of their own.
void place_in_closed(const Model& model, Corner move, Shower& shower) {
    HaloHits& hits = shower.halo;
    const float *x = hits.x.data(), *y = hits.y.data(), *energy = hits.energy.data();
    const std::int32_t* layer = hits.layer.data();
    std::int32_t *cell = hits.cell.data(), *row = hits.row.data();
    const int layers = model.layers, nowhere = shower.nowhere;
    const int size_x = model.image_x, size_y = model.image_y;
    const int move_x = within(move.x, size_x), move_y = within(move.y, size_y);
    const int count = lanes_for(hits.count);
    CALOFORGE_LANES
    for (int i = 0; i < count; ++i) {
        const int in_x = on_other_side(static_cast<int>(x[i]) + move_x, size_x);
        const int in_y = on_other_side(static_cast<int>(y[i]) + move_y, size_y);
        const bool there = energy[i] > 0.0f;
        row[i] = there ? in_x : size_x;
        cell[i] = there ? (in_x * size_y + in_y) * layers + layer[i] : nowhere;
    }
}

// Sets where they are in an open image, at whose border they stay: among the window's, or not.
void place_in_open(const Model& model, Corner move, Corner corner, Shower& shower) {
    HaloHits& hits = shower.halo;
    const float *x = hits.x.data(), *y = hits.y.data(), *energy = hits.energy.data();
    const std::int32_t* layer = hits.layer.data();
    std::int32_t *cell = hits.cell.data(), *row = hits.row.data(), *inside = hits.inside.data();
    const int window_x = model.window_x, span = shower.span, layers = model.layers;
    const int size_x = model.image_x, size_y = model.image_y, nowhere = shower.nowhere;
    const int none = window_x * shower.row, shower_row = shower.row;
    const int count = lanes_for(hits.count);
    CALOFORGE_LANES
    for (int i = 0; i < count; ++i) {
        const int in_x = larger(smaller(static_cast<int>(x[i]) + move.x, size_x - 1), 0);
        const int in_y = larger(smaller(static_cast<int>(y[i]) + move.y, size_y - 1), 0);
        const int from_x = in_x - corner.x, from_y = in_y - corner.y;
        const bool among =
            (from_x >= 0) & (from_x < window_x) & (from_y >= 0) & (from_y < span);
        const bool own = !among & (energy[i] > 0.0f);
        inside[i] = among ? from_x * shower_row + from_y * layers + layer[i] : none;
        row[i] = own ? in_x : size_x;
        cell[i] = own ? (in_x * size_y + in_y) * layers + layer[i] : nowhere;
    }
}

// Adds the halo's hits that are among the window's cells to them; of the others, makes an image.
void set_image(const Model& model, Corner move, Corner corner, Shower& shower) {
    HaloHits& hits = shower.halo;
    if (is_closed(model)) {
        place_in_closed(model, move, shower);
    } else {
        place_in_open(model, move, corner, shower);
        for (int i = 0; i < hits.count; ++i)
            shower.deposit[hits.inside[i]] += hits.energy[i] * shower.halo_raised[hits.layer[i]];
    }
    const int count = hits.count, words = shower.words;
    const std::int32_t* cell = hits.cell.data();
    std::int32_t *again = hits.again.data(), *before = shower.before.data();
    std::uint64_t* image = shower.image.data();
    for (int i = 0; i < count; ++i) {
        const auto place = static_cast<std::uint32_t>(cell[i]);
        const std::uint64_t bit = std::uint64_t{1} << (place % 64), bits = image[place / 64];
        again[i] = (bits & bit) != 0;
        image[place / 64] = bits | bit;
    }
    int sum = 0;
    CALOFORGE_UNROLL
    for (int word = 0; word < words; ++word) {
        before[word] = sum;
        sum += __builtin_popcountll(image[word]);
    }
}

// How many hits of the halo there are in cells before one.
CALOFORGE_INLINE int rank(const std::int32_t* before, const std::uint64_t* image, int cell) {
    const auto place = static_cast<std::uint32_t>(cell);
    const std::uint64_t lower = (std::uint64_t{1} << (place % 64)) - 1;
    return before[place / 64] + __builtin_popcountll(image[place / 64] & lower);
}

CALOFORGE_INLINE int rank(const Shower& shower, int cell) {
    return rank(shower.before.data(), shower.image.data(), cell);
}

// The largest number of its kind below the threshold.
constexpr float below_threshold_gev = 9.99999906e-9f;
static_assert(below_threshold_gev < threshold_gev && threshold_gev - below_threshold_gev < 1e-15f);

// Takes the hits of a row of the window's cells from `begin` to `end`, the first of which is the
// image's `first_cell`; returns how many.
template <class Cell>
int take_row(
    const Shower& shower, int x, int begin, int end, int first_cell, Cell* cell, float* energy) {
    using Float = Floats<width>;
    using Int = Ints<width>;
    const float* deposit = &shower.deposit[x * shower.row];
    const float* scale = shower.of_cells.scale.data();
    int first = begin / width * width;
    std::size_t count = 0;
    Int cells = {};
    for (int lane = 0; lane < width; ++lane) cells[lane] = first + first_cell - begin + lane;
    const auto take = [&](int from, int to) {
        const Float made = loaded<Float>(deposit + first) * loaded<Float>(scale + first);
        Wanted wanted(below_threshold_gev - Float{}, made);
        if ((from > 0) | (to < width)) wanted = wanted.between(from, to);
        wanted.take(made, energy + count);
        wanted.take(cells, cell + count);
        count += static_cast<std::size_t>(wanted.count());
        first += width;
        cells += width;
    };
    if (first < begin) take(begin - first, end - first);
    while (first + width <= end) take(0, width);
    if (first < end) take(0, end - first);
    return static_cast<int>(count);
}

// Takes the hits of the window, leaving room for the halo's between them; returns how many.  Where the
// window leaves a closed image along y, a row of it has two parts.
template <class Cell>
int take_window(const Model& model, Corner corner, Shower& shower, Cell* cell, float* energy) {
    const bool closed = is_closed(model);
    const int layers = model.layers, end = shower.span * layers, row_cells = model.image_y * layers;
    const int inside = (closed ? smaller(model.image_y - corner.y, shower.span) : shower.span) * layers;
    int taken = 0;
    for (int x = 0; x < model.image_x; ++x) {
        const int first_cell = x * row_cells, window_cell = first_cell + corner.y * layers;
        const int row = closed ? within(x - corner.x, model.image_x) : x - corner.x;
        RowPlaces& places = shower.row_places[x];
        places.begin = window_cell;
        if ((row < 0) | (row >= model.window_x)) {
            places.before = places.after = taken;
            continue;
        }
        if (inside < end) {
            const int at = taken + rank(shower, first_cell);
            taken += take_row(shower, row, inside, end, first_cell, cell + at, energy + at);
        }
        places.before = taken;
        const int at = taken + rank(shower, window_cell);
        taken += take_row(shower, row, 0, inside, window_cell, cell + at, energy + at);
        places.after = taken;
    }
    shower.row_places[model.image_x] = {0, taken, taken};
    return taken;
}

// Takes the hits in the order of their cells; returns how many.  Those of no energy, which are
// nowhere in the image, come behind them.
template <class Cell>
int take_hits(const Model& model, Shower& shower, Cell* cell, float* energy) {
    const Corner move = move_of(model, shower);
    Corner corner = unmoved(model, shower);
    corner.x += move.x, corner.y += move.y;
    if (is_closed(model))
        corner = {within(corner.x, model.image_x), within(corner.y, model.image_y)};
    set_image(model, move, corner, shower);
    const int of_window = take_window(model, corner, shower, cell, energy);
    const HaloHits& hits = shower.halo;
    const std::int32_t *its_cell = hits.cell.data(), *row = hits.row.data(), *again = hits.again.data();
    const std::int32_t* before = shower.before.data();
    const std::uint64_t* image = shower.image.data();
    const RowPlaces* rows = shower.row_places.data();
    const float* scaled = hits.scaled.data();
    const int of_halo = hits.count;
    for (int i = 0; i < of_halo; ++i) {
        const RowPlaces places = rows[row[i]];
        const int place = rank(before, image, its_cell[i]) +
                          (its_cell[i] < places.begin ? places.before : places.after);
        cell[place] = static_cast<Cell>(its_cell[i]);
        energy[place] = (again[i] ? energy[place] : 0.0f) + scaled[i];
    }
    const int count = of_window + rank(shower, shower.nowhere);
    std::memset(shower.image.data(), 0, shower.image.size() * sizeof(std::uint64_t));
    return count;
}

CALOFORGE_END
