// The memory in which one shower is made, in the order in which the steps fill it.
#pragma once

#include <cstdint>

#include "../model.hpp"
#include "group.hpp"
#include "set.hpp"

CALOFORGE_BEGIN

constexpr int lanes_for(int count) { return (count + lanes - 1) / lanes * lanes; }

// Rows of pads in memory, with one edge more than pads.
constexpr int stride_of(int pads) { return (pads + 1 + 7) / 8 * 8; }

// Hits beside the window; pads counted from the image's corner.
struct HaloHits {
    explicit HaloHits(int particles)
        : x(2 * particles), y(2 * particles), energy(2 * particles), layer(2 * particles),
          cell(2 * particles),
          follow(particles), where(particles), size(particles) {}
    int count = 0;
    Array<float> x, y, energy;   // energy 0: no hit
    Array<std::int32_t> layer, cell;
    Array<float> follow;         // below one: a hit in the next pad follows
    Array<std::uint32_t> where, size;
};

// The cells that may be hit, layer by layer; energy 0: not hit.
struct Candidates {
    Candidates(std::size_t all, int of_layer)
        : pad(all + lanes), cell(all), energy(all), expected(of_layer), asked(of_layer) {}
    Array<std::int32_t> pad, cell;
    Array<float> energy;
    Array<float> expected;       // of one layer
    Array<std::uint32_t> asked;  // of one layer
};

// The rings that reach a block of rows of pads, and their shares in each of the rows.
struct Active {
    std::int32_t* offset;  // where the ring's shares along y begin
    float* factor;         // [rings][rows]
    int count;
};

struct Shower {
    explicit Shower(const Model& model)
        : numbers_of_layer(lanes_for(model.pads + model.stride)),
          energy(model.layers), rings(model.layers * model.rings),
          axis_y(model.layers), centre(model.layers), beside(model.layers),
          sums_x(model.rings), sums_y(model.rings),
          weighed(model.rings * model.stride),
          active(model.window_x), active_offset(model.rings * model.window_x),
          active_factor(model.rings * (model.window_x + 1)),
          in_x(model.rings * model.window_x),
          in_y(static_cast<std::size_t>(model.layers) * model.rings * model.stride),
          expected(static_cast<std::size_t>(model.layers) * model.pads),
          number(static_cast<std::size_t>(model.layers) * numbers_of_layer),
          core_numbers(lanes_for(2 * model.layers * core * core) + lanes),
          core_normals(lanes_for(model.layers * core * core + lanes)),
          halo(lanes_for(model.halo.particles)), in_halo(model.layers),
          below(model.pads), asked(model.pads),
          candidates(static_cast<std::size_t>(model.layers) * model.pads, model.pads),
          first(model.layers + 1), scale(model.layers), place(model.pads),
          nowhere(model.cells() + model.most_followed * model.layers),
          hit((nowhere + (model.most_followed + 1) * model.layers) / 64 + 1),
          value(64 * hit.size()),
          work(2 * (stride_of(model.window_x) + model.stride + 2) + 5 * lanes_for(model.layers)) {}

    int numbers_of_layer;
    Array<float> energy;  // [layers] GeV
    Array<float> rings;   // [layers][rings] GeV
    float axis_x = 0.0f;        // pads from the image's centre
    Array<float> axis_y;  // [layers]
    Array<float> centre;  // [layers] whole pads along y by which the window is moved
    Array<float> beside;  // [layers] GeV expected beside the window
    Array<float> sums_x, sums_y;   // [rings]
    Array<float> weighed;                // [rings][stride]: in_y of a layer, weighed
    Array<Active> active;                // of the blocks of rows
    Array<std::int32_t> active_offset;
    Array<float> active_factor;
    Array<float> in_x;             // [window_x][rings]: shares in each row of pads
    Array<float> in_y;             // [layers or 1][rings][stride]
    Array<float> expected;         // [layers][pads] GeV
    Array<std::uint32_t> number;   // [layers][numbers_of_layer]: the pads' and a row more
    Array<float> core_numbers, core_normals;
    HaloHits halo;
    Array<float> in_halo;  // [layers] GeV
    Array<std::uint8_t> below;   // [pads]: whether a cell may be hit
    Array<std::uint32_t> asked;  // [pads]: 24 bits of its quantile, and eight more
    Candidates candidates;
    Array<std::int32_t> first;  // [layers + 1]: a layer's candidates
    Array<float> scale;         // [layers]
    Array<std::int32_t> place;  // [pads]: the image's cell of a pad, in the first layer
    int nowhere;                // place of pads that are none
    Array<std::uint64_t> hit;   // a bit a cell
    Array<float> value;         // GeV, of cells whose bit is set
    Array<float> work;
};

CALOFORGE_END
