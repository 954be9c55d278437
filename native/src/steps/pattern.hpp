// The energy expected in every cell: Gaussians about the axis, integrated over pads.
//
//     share of a row of pads = (erf((edge + 1 - centre) s) - erf((edge - centre) s)) / 2
//     with s = 1 / (sigma sqrt 2); expected = sum over rings of weight share_x share_y
//
// In an inclined shower the Gaussians are longer along y by 1 / sin(theta) and lie a learned distance
// times cot(theta) off the axis.  Where the window is the whole image, shares add up to one.
#pragma once

#include "mathematics.hpp"
#include "shower.hpp"

CALOFORGE_BEGIN

// Sets erf at the `stride` + 1 edges of rows of pads about zero.
CALOFORGE_INLINE void set_edges(
    float centre, float steepness, int pads, int stride, float* edges) {
    const float first = -0.5f * static_cast<float>(pads) - centre;
    CALOFORGE_LANES
    for (int i = 0; i < stride; ++i)
        edges[i] = error_function((first + static_cast<float>(i)) * steepness);
}

// Sets the shares of one Gaussian in `pads` rows of pads, and zeros up to `stride`; returns their sum.
CALOFORGE_INLINE float set_share(
    const float* edges, int pads, int stride, bool whole, float* share) {
    const float sum = 0.5f * (edges[pads] - edges[0]);
    const float factor = whole ? 0.5f / sum : 0.5f;
    CALOFORGE_LANES
    for (int i = 0; i < stride; ++i) share[i] = factor * (edges[i + 1] - edges[i]);
    for (int i = pads; i < stride; ++i) share[i] = 0.0f;
    return whole ? 1.0f : sum;
}

// The first ring of `rings` shares [ring][stride] of which any is not zero, in one of `rows` places.
CALOFORGE_INLINE int first_reaching(const float* share, int rings, int stride, int rows) {
    int ring = 0;
    for (; ring < rings; ++ring, share += stride)
        for (int row = 0; row < rows; ++row)
            if (share[row] != 0.0f) return ring;
    return ring;
}

// Sets the shares in rows of pads along x.
CALOFORGE_INLINE void set_shares_x(const Model& model, Shower& shower) {
    const int rings = model.rings, stride = stride_of(model.window_x);
    float *edges = shower.edges.data(), *column = shower.work.data();
    for (int ring = 0; ring < rings; ++ring) {
        set_edges(shower.axis_x, model.steepness[ring], model.window_x, stride, edges);
        shower.sums_x[ring] = set_share(edges, model.window_x, stride, model.whole, column);
        for (int i = 0; i < shower.blocks_x; ++i) {
            const Block& block = shower.block[i];
            std::memcpy(block.share + ring * block.rows, column + block.x, block.rows * sizeof(float));
        }
    }
    for (int i = 0; i < shower.blocks_x; ++i) {
        Block& block = shower.block[i];
        block.first = first_reaching(block.share, rings, block.rows, block.rows);
    }
}

// Sets the shares in rows of pads along y, in one layer.
CALOFORGE_INLINE void set_shares_y(
    const Model& model, const Condition& condition, int layer, Shower& shower) {
    const int rings = model.rings, stride = stride_of(model.window_y), room = shower.edges_of_ring;
    const float centre = shower.axis_y[layer] - shower.centre[layer];
    float* edges = shower.edges.data();
    for (int ring = 0; ring < rings; ++ring) {
        const int place = layer * rings + ring;
        float off_axis = 0.0f, steepness = model.steepness[ring];
        if (model.inclined) {
            off_axis = condition.slope * (model.shift_at[place] +
                                          model.shift_with_energy[place] * condition.energy_feature);
            steepness /= condition.stretch;
        }
        set_edges(centre + off_axis, steepness, model.window_y, stride, edges + ring * room);
    }
    // Only now: what was just written, and is read one place on, is waited for.
    for (int ring = 0; ring < rings; ++ring)
        shower.sums_y[ring] = set_share(edges + ring * room, model.window_y, stride, model.whole,
                                        &shower.in_y[(layer * rings + ring) * stride]);
}

// Sets the shares in rows of pads along x and y, and what is expected beside the window.
void set_shares(const Model& model, const Condition& condition, Shower& shower) {
    set_shares_x(model, shower);
    for (int layer = 0; layer < model.layers; ++layer) {
        if (model.inclined || layer == 0) set_shares_y(model, condition, layer, shower);
        float beside = 0.0f;
        for (int ring = 0; ring < model.rings; ++ring)
            beside += shower.rings[ring * model.layer_lanes + layer] *
                      (1.0f - shower.sums_x[ring] * shower.sums_y[ring]);
        shower.beside[layer] = beside * shower.lowered[layer];
    }
}

// Sets what each ring from the `first` on gives to pads of one place along y, in all layers; x shares
// it out.
CALOFORGE_INLINE void weigh(const Model& model, int y, int first, Shower& shower) {
    const int rings = model.rings, stride = stride_of(model.window_y);
    const float* in_y = shower.in_y.data();
    for (int ring = first; ring < rings; ++ring) {
        const float* weight = &shower.rings[ring * model.layer_lanes];
        float* weighed = &shower.weighed[ring * model.layer_lanes];
        if (!model.inclined) {
            const float share = in_y[ring * stride + y];
            CALOFORGE_LANES
            for (int layer = 0; layer < model.layer_lanes; ++layer)
                weighed[layer] = share * weight[layer];
            continue;
        }
        const std::int32_t* rise = shower.rise.data();
        const int window_y = model.window_y;
        CALOFORGE_LANES
        for (int layer = 0; layer < model.layers; ++layer) {
            const int in_window = y - rise[layer];  // behind the window's last pad there are zeros
            const int pad = (in_window < 0) | (in_window > window_y) ? window_y : in_window;
            weighed[layer] = in_y[(layer * rings + ring) * stride + pad] * weight[layer];
        }
    }
}

// Some rows of pads at one place along y: sums over `rings` rings, in their order, of share_x times
// weighed share_y, in as many layers as `parts` vectors have lanes.
template <int rows, int parts>
CALOFORGE_INLINE void expect_rows(int rings, const float* factor, const float* weighed,
                                  int layer_lanes, int row, float* expected) {
    using Vector = Floats<width>;
    Vector sum[rows][parts] = {};
    for (int ring = 0; ring < rings; ++ring, factor += rows, weighed += layer_lanes) {
        for (int part = 0; part < parts; ++part) {
            const auto shares = loaded<Vector>(weighed + part * width);
            for (int x = 0; x < rows; ++x)
                sum[x][part] = fused(shares, factor[x] - Vector{}, sum[x][part]);
        }
    }
    for (int x = 0; x < rows; ++x)
        for (int part = 0; part < parts; ++part)
            store(sum[x][part], expected + x * row + part * width);
}

// The same in all layers, and of the rings from the `first` on that reach the pads along y.
template <int rows>
CALOFORGE_INLINE void expect_block(
    const Model& model, const Block& block, int first, Shower& shower, float* expected) {
    constexpr int at_once = 2;  // vectors, whose sums stay in registers
    const int layer_lanes = model.layer_lanes, from = larger(first, block.first);
    const int rings = model.rings - from;
    const float* factor = block.share + from * rows;
    const float* weighed = &shower.weighed[from * layer_lanes];
    int layer = 0;
    for (; layer + at_once * width <= layer_lanes; layer += at_once * width)
        expect_rows<rows, at_once>(
            rings, factor, weighed + layer, layer_lanes, shower.row, expected + layer);
    for (; layer < layer_lanes; layer += width)
        expect_rows<rows, 1>(
            rings, factor, weighed + layer, layer_lanes, shower.row, expected + layer);
}

// Sets what the cells of the window expect, in GeV, raised: pad by pad along y, so that what is written in
// lanes behind the last layer is overwritten by the next pad's.  Narrow rings come first, and those
// that do not reach a pad are left out.
void set_expected(const Model& model, Shower& shower) {
    const int row = shower.row, stride = stride_of(model.window_y);
    for (int x = 1; x <= model.window_x; ++x)
        std::memset(&shower.expected[x * row - lanes], 0, lanes * sizeof(float));
    for (int y = 0; y < shower.span; ++y) {
        const int first =
            model.inclined ? 0 : first_reaching(&shower.in_y[y], model.rings, stride, 1);
        weigh(model, y, first, shower);
        for (int i = 0; i < shower.blocks_x; ++i) {
            const Block& block = shower.block[i];
            float* expected = &shower.expected[block.x * row + y * model.layers];
            if (block.rows == rows_of_block)
                expect_block<rows_of_block>(model, block, first, shower, expected);
            else
                expect_block<1>(model, block, first, shower, expected);
        }
    }
}

CALOFORGE_END
