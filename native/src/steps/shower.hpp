// The memory in which one shower is made, in the order in which the steps fill it.
//
// Cells lie as in the image: rows of pads along x one after the other, in a row the pads along y one
// after the other, of each pad the layers; so hits are found in the order that they are wanted in.
// In inclined showers each layer has a window of its own, moved along y by whole pads: a row has all
// pads that are in the window of any layer, and where a layer has no window nothing is expected.
#pragma once

#include <cstdint>

#include "../model.hpp"
#include "group.hpp"
#include "selection.hpp"
#include "set.hpp"

CALOFORGE_BEGIN

constexpr int lanes_for(int count) { return (count + lanes - 1) / lanes * lanes; }

// Numbers in memory for a row of cells: what is written for the last pad's `layer_lanes` is in it.
CALOFORGE_INLINE int row_of(const Model& model, int span) {
    constexpr int whole_strips = 2 * lanes;  // of any set
    return ((span - 1) * model.layers + model.layer_lanes + whole_strips - 1) / whole_strips *
           whole_strips;
}

// Hits beside the window; pads counted from the image's corner.
struct HaloHits {
    HaloHits(int layers, int particles)
        : x(2 * particles + lanes), y(2 * particles + lanes), energy(2 * particles + lanes),
          scaled(2 * particles + lanes), layer(2 * particles + lanes),
          cell(2 * particles + lanes_for(layers)),
          row(2 * particles + lanes), inside(2 * particles + lanes), again(2 * particles + lanes),
          chance(particles + lanes), where(2 * (particles + lanes)) {}
    int count = 0;
    Array<float> x, y, energy;  // GeV before the layers are scaled; 0: no hit
    Array<float> scaled;        // GeV
    Array<std::int32_t> layer;
    Array<std::int32_t> cell, row;  // of the image; nowhere where the hit is `inside`
    Array<std::int32_t> inside;     // the place among the window's cells, or behind them
    Array<std::int32_t> again;      // whether there is a hit in its cell already
    Array<float> chance;            // of a hit in the next pad
    Array<std::uint32_t> where;    // the particles' numbers: of their places, and behind these
    std::uint32_t* size = nullptr;  // of their sizes
};

// The cells of a strip that may be hit.
struct Candidates {
    Candidates(std::size_t cells)
        : wanted(cells / width + 1), raised(cells + 2 * lanes), asked(cells + 2 * lanes),
          place(cells + 2 * lanes), value(cells + 2 * lanes) {}

    Array<Wanted::Bits> wanted;   // which of the cells they are
    Array<std::int32_t> raised;   // what they expect in GeV, raised, and their layer's sort
    Array<std::uint32_t> asked;   // 24 bits of its quantile, and eight more
    Array<std::int32_t> place;    // in the tables
    Array<float> value;           // deposit by expectation
};

// What is the same in all cells of a layer: of the layers, or of a row's cells.
struct PerLayer {
    PerLayer(int count, bool deep)
        : steep(count), low(count), flat(count), high(count), scale(count), sort(count),
          below_x(count), below_y(count), below_behind(deep ? count : 0),
          below_beside_core(deep ? count : 0) {}

    Array<float> steep, low, flat, high;     // the bound of the chance of a hit
    Array<float> scale;                      // from deposits, raised ones, to energies
    Array<std::int32_t> sort;                // of the deposit table
    Array<std::int32_t> below_x, below_y;    // chances of sharing
    Array<std::int32_t> below_behind;        // with the cell behind, too
    Array<std::int32_t> below_beside_core;   // the same in rows through the core
};

// Of cells that are rings and sectors.  Values of the layers are repeated as far as a vector of cells
// reaches, whatever layer it begins in.
struct InRings {
    InRings(const Model& model, int row)
        : stride(lanes_for(model.layer_lanes + lanes)), expected(model.image_x * stride), part(row),
          basis(poles * row), slow((poles + 1) * model.layer_lanes), remembered(poles * stride),
          field(multipoles * row), share(model.image_x * multipoles), to_ring(model.image_x * stride),
          to_either(model.image_x * stride) {}

    int stride;
    Array<float> expected;    // [image_x][stride] GeV, raised
    Array<float> part;        // [row] that a sector has of its ring
    Array<float> basis;       // [poles][row] in the sectors
    Array<float> slow;        // [poles + 1][layer_lanes]
    Array<float> remembered;  // [poles][stride]
    Array<float> field;       // [multipoles][row]
    Array<float> share;       // [image_x][multipoles]
    Array<std::int32_t> to_ring, to_either;  // [image_x][stride] chances of sharing
};

// Sums of the deposits of each layer, times one and times the pad's place in the window.
struct Sums {
    Sums(int row, int layer_lanes)
        : energy(row), energy_x(row), total(layer_lanes), total_x(layer_lanes), total_y(layer_lanes) {}

    Array<float> energy, energy_x;           // [row]: of all rows
    Array<float> total, total_x, total_y;    // [layers]
};

// Where hits come in the image: behind how many hits of the window those of a row's halo are.
struct RowPlaces {
    std::int32_t begin;          // cell
    std::int32_t before, after;  // hits of the window before cells in front of it, and before others
};

constexpr int rows_of_block = 5;  // whose sums stay in registers

// Rows of cells are computed strip by strip, which stays in the nearest cache.
constexpr int parts_of_strip = 2;  // vectors, whose sums stay in registers
constexpr int cells_of_strip = parts_of_strip * width;

// Rows of pads along x that are computed together, or a single one of those that are left.
struct Block {
    int x, rows;  // the first row, and how many
    int first;  // ring that reaches them: those before do not
};

// Of each ring, in rows of pads along x or y.
struct Shares {
    Shares(int rings, int pads)
        : stride(lanes_for(pads + 1)), edges(rings * stride + 1), share(rings * stride), sum(rings) {}

    int stride;
    Array<float> edges;  // [rings][stride]: erf at the edges of pads
    Array<float> share;  // [rings][stride]
    Array<float> sum;    // [rings]
};

// Of showers that lean elsewhere than along y.
struct Aslant {
    Aslant(const Model& model, int row)
        : axis_x(model.layer_lanes), aside(model.layer_lanes), in_x(model.window_x * lanes),
          in_y(model.window_y * lanes),
          expected(model.inclined ? static_cast<std::size_t>(model.window_x) * row + lanes : 0),
          image(model.inclined ? model.cells() + lanes : 0) {}

    bool here = false;  // whether the shower is such
    float toward_x = 0.0f, toward_y = 1.0f;  // unit vector along which it leans
    Array<float> axis_x;           // [layers] pads from the middle of the layer's window
    Array<float> aside;            // [layers] whole pads along x by which that is moved
    Array<float> in_x, in_y;       // [pads][lanes] of one Gaussian: shares of rows of pads
    alignas(64) float sum_x[lanes] = {}, sum_y[lanes] = {};
    Array<float> expected;         // [window_x][row] GeV, raised
    Array<float> image;            // [image_x][image_y][layers] GeV
};

struct Shower {
    explicit Shower(const Model& model)
        : widest_row(row_of(model, model.widest_span())),
          span(model.window_y), row(widest_row),
          energy(model.layer_lanes), rings(model.rings * model.layer_lanes),
          axis_y(model.layer_lanes), centre(model.layer_lanes), rise(model.layer_lanes),
          beside(model.layer_lanes), in_x(model.rings, model.window_x),
          in_y(model.rings, model.window_y), sums_y(model.rings * model.layer_lanes),
          weighed(model.in_rings ? 0 : static_cast<std::size_t>(model.rings) * widest_row),
          block(model.window_x),
          expected(model.window_x * cells_of_strip),
          number(static_cast<std::size_t>(model.window_x + 1) * widest_row),
          core_numbers(2 * core * core * model.layer_lanes + lanes),
          core_normals(core * core * model.layer_lanes),
          aslant(model, widest_row),
          halo(model.layers, lanes_for(model.halo.particles)), in_halo(model.layer_lanes),
          sizes(model.layer_lanes), raised(model.layer_lanes), lowered(model.layer_lanes),
          scale(model.layer_lanes),
          halo_raised(model.layer_lanes),
          of_layers(model.layer_lanes, model.deep_sharing > 0.0f),
          of_cells(widest_row, model.deep_sharing > 0.0f), in_rings(model, model.in_rings ? row : 0),
          candidates(expected.size()),
          sums(widest_row, model.layer_lanes),
          deposit(static_cast<std::size_t>(model.window_x) * widest_row + 1),
          asked(model.window_y * in_x.stride),
          of_layer(asked.size()), relative(asked.size()), layer_numbers(asked.size() + in_x.stride + lanes), nowhere(model.cells()), words(nowhere / 64 + 1), image(words),
          before(words), row_places(model.image_x + 1),
          work(5 * lanes_for(model.layers)) {
        for (int x = 0; x < model.window_x; ++blocks_x) {
            const int rows = x + rows_of_block <= model.window_x ? rows_of_block : 1;
            block[blocks_x] = {x, rows, 0};
            x += rows;
        }
    }

    int widest_row, span, row;
    Array<float> energy;  // [layers] GeV
    Array<float> rings;   // [rings][layer_lanes] GeV, raised
    float axis_x = 0.0f;  // pads from the image's centre
    float missed[2] = {};  // pads by which energy beside the image pulls the barycentre, in x and y
    Array<float> axis_y;  // [layers]
    Array<float> centre;  // [layers] whole pads along y by which the layer's window is moved
    int lowest = 0;       // the least of them
    Array<std::int32_t> rise;     // [layers] whole pads above it
    Array<float> beside;          // [layers] GeV expected beside the window
    Shares in_x, in_y;     // in_y where all layers have the same axis
    Array<float> sums_y;   // [rings][layer_lanes]
    Array<float> weighed;  // [rings][row] GeV, raised, in all rows of pads along x together
    int blocks_x = 0;
    Array<Block> block;           // [blocks_x]
    Array<float> expected;        // [window_x][cells_of_strip] of a strip, GeV, raised
    Array<std::uint32_t> number;  // [window_x + 1][row]
    Array<float> core_numbers, core_normals;  // [2][core][core][layer_lanes], [core][core][layer_lanes]
    Aslant aslant;
    HaloHits halo;
    Array<float> in_halo;  // [layers] GeV
    Array<float> sizes;    // [layers] logarithms, of deposits over the usual ones
    Array<float> raised;   // [layers] what cells expect, by the layer's shift and sizes; and its inverse
    Array<float> lowered;
    Array<float> scale;    // [layers] from the halo's deposits to energies
    Array<float> halo_raised;  // [layers] from the halo's deposits to those of cells
    PerLayer of_layers, of_cells;
    InRings in_rings;
    Candidates candidates;
    Sums sums;
    Array<float> deposit;           // [window_x][row] GeV, raised, and one of no cell
    Array<std::uint32_t> asked;     // [window_y][in_x.stride] of one layer: as of the candidates
    Array<float> of_layer;          // [window_y][in_x.stride] of one layer: what is expected, then deposits
    Array<float> relative;          // of one layer: quantiles over the chance of a hit
    Array<std::uint32_t> layer_numbers;  // [window_y + 1][in_x.stride] of one layer
    int nowhere;                    // cell of hits that are none
    int words;                      // of 64 cells
    Array<std::uint64_t> image;     // [words]: a bit a cell, set where there is a hit of the halo
    Array<std::int32_t> before;     // [words]: hits of the halo before each 64 cells
    Array<RowPlaces> row_places;    // [image_x + 1]
    Array<float> work;

    // The place of a pad's cell among the cells of the window; y is the place in the layer's window.
    CALOFORGE_INLINE std::size_t place(const Model& model, int x, int y, int layer) const {
        return static_cast<std::size_t>(x) * row + (y + rise[layer]) * model.layers + layer;
    }
};

CALOFORGE_END
