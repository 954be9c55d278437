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
    HaloHits(int layers, int particles)
        : x(2 * particles + lanes), y(2 * particles + lanes), energy(2 * particles + lanes),
          layer(2 * particles + lanes), cell(2 * particles + lanes_for(layers)),
          again(2 * particles + lanes), follow(particles + lanes), margin(particles + lanes), where(particles), size(particles) {}
    int count = 0;
    Array<float> x, y, energy;   // energy 0: no hit
    Array<std::int32_t> layer, cell;
    Array<std::uint8_t> again;    // whether there is a hit in its cell already
    Array<float> follow, margin;  // below one, and below zero: a hit in the next pad follows
    Array<std::uint32_t> where, size;
};

// The cells that may be hit, layer by layer; each layer's are filled up with cells that expect
// nothing to a multiple of the lanes.
struct Candidates {
    Candidates(int layers, int pads)
        : Candidates(layers, pads, static_cast<std::size_t>(layers) * (pads + lanes) + lanes) {}

    Array<std::int32_t> all_pads;  // 0, 1, 2, ...
    Array<std::int32_t> first;     // [layers + 1]: a layer's candidates
    Array<std::int32_t> layer;     // of as many candidates as there are lanes
    Array<std::int32_t> pad;
    Array<float> expected;         // GeV
    Array<std::uint32_t> asked;    // 24 bits of its quantile, and eight more
    Array<std::int32_t> place;     // in the table
    Array<float> deposit;          // GeV
    Array<float> sums;             // [layers][lanes] of the deposits, GeV

  private:
    Candidates(int layers, int pads, std::size_t room)
        : all_pads(pads), first(layers + 1), layer((room + pads) / lanes + 1), pad(room), expected(room),
          asked(room), place(room), deposit(room), sums(layers * lanes) {
        for (int i = 0; i < pads; ++i) all_pads[i] = i;
    }
};

// The hits in the window, layer by layer: from `first` to `last`, and up to a multiple of the lanes
// some of no energy.
struct Hits {
    Hits(int layers, int pads)
        : Hits(layers, pads, static_cast<std::size_t>(layers) * (pads + lanes) + lanes) {}

    Array<std::int32_t> first, last;  // [layers]
    Array<std::int32_t> layer;        // of as many hits as there are lanes
    Array<std::int32_t> pad, cell;
    Array<float> energy;  // GeV
    int end = 0;

  private:
    Hits(int layers, int pads, std::size_t room)
        : first(layers), last(layers), layer((room + pads) / lanes + 1), pad(room), cell(room),
          energy(room) {}
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
          energy(lanes_for(model.layers)), rings(model.layers * model.rings),
          axis_y(model.layers), centre(model.layers), beside(model.layers),
          sums_x(model.rings), sums_y(model.rings),
          edges_of_ring(stride_of(model.window_x) + model.stride + lanes),
          edges(model.rings * edges_of_ring), weighed(model.rings * model.stride),
          active(model.window_x), active_offset(model.rings * model.window_x),
          active_factor(model.rings * (model.window_x + 1)),
          in_x(model.rings * model.window_x),
          in_y(static_cast<std::size_t>(model.layers) * model.rings * model.stride),
          expected(static_cast<std::size_t>(model.layers) * model.pads),
          number(static_cast<std::size_t>(model.layers) * numbers_of_layer),
          core_numbers(lanes_for(2 * model.layers * core * core) + lanes),
          core_normals(lanes_for(model.layers * core * core + lanes)),
          halo(model.layers, lanes_for(model.halo.particles)), in_halo(model.layers),
          asked(model.pads), margin(model.pads), candidates(model.layers, model.pads),
          sort(lanes_for(model.layers)), raised(lanes_for(model.layers)),
          hits(model.layers, model.pads),
          scale(model.layers), place(model.pads),
          nowhere(model.cells() + model.most_followed * model.layers),
          words((nowhere + (model.most_followed + 1) * model.layers) / 64 + 1),
          image(8 * words), before(words),
          work(2 * (stride_of(model.window_x) + model.stride + 2) + 5 * lanes_for(model.layers)) {}

    int numbers_of_layer;
    Array<float> energy;  // [layers] GeV
    Array<float> rings;   // [layers][rings] GeV
    float axis_x = 0.0f;        // pads from the image's centre
    Array<float> axis_y;  // [layers]
    Array<float> centre;  // [layers] whole pads along y by which the window is moved
    Array<float> beside;  // [layers] GeV expected beside the window
    Array<float> sums_x, sums_y;   // [rings]
    int edges_of_ring;
    Array<float> edges;                  // [rings][edges_of_ring]: erf at the edges of pads
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
    Array<std::uint32_t> asked;  // [pads] of one layer: 24 bits of the quantile, and eight more
    Array<float> margin;         // [pads] of one layer: below zero: the cell may be hit
    Candidates candidates;
    Array<std::int32_t> sort;    // [layers] of the deposit table
    Array<float> raised;         // [layers] what is expected, by the layer's shift
    Hits hits;
    Array<float> scale;         // [layers]
    Array<std::int32_t> place;  // [pads]: the image's cell of a pad, in the first layer
    int nowhere;                // place of pads that are none
    int words;                  // of 64 cells
    Array<std::uint8_t> image;   // [8 words]: a bit a cell, set where there is a hit
    Array<std::int32_t> before;  // [words]: hits before each 64 cells
    Array<float> work;

    const float* expected_of(const Model& model, int layer) const {
        return &expected[static_cast<std::size_t>(layer) * model.pads];
    }
    const std::uint32_t* numbers_of(int layer) const {
        return &number[static_cast<std::size_t>(layer) * numbers_of_layer];
    }
};

CALOFORGE_END
