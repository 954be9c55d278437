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

// The edge of the first of so many rows of pads, from the middle of the middle one.
CALOFORGE_INLINE float first_edge(int pads) { return -0.5f - static_cast<float>(pads / 2); }

// Sets erf at the edges of rows of pads about zero: of row i at place i, and at i + 1.
CALOFORGE_INLINE void set_edges(
    float centre, float steepness, int pads, int stride, float* edges) {
    const float begin = first_edge(pads) - centre;
    for (int first = 0; first < stride; first += lanes) {
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane)
            edges[first + lane] =
                error_function((begin + static_cast<float>(first + lane)) * steepness);
    }
}

// Sets the shares of one Gaussian in rows of pads, and zeros up to `stride`; returns their sum.  None is
// below zero by rounding: rings are left out where their shares are zero.
CALOFORGE_INLINE float set_share(
    const float* edges, int pads, int stride, bool whole, float* share) {
    const float sum = 0.5f * (edges[pads] - edges[0]);
    const float factor = whole ? 0.5f / sum : 0.5f;
    for (int first = 0; first < stride; first += lanes) {
        CALOFORGE_LANES
        for (int i = first; i < first + lanes; ++i)
            share[i] = i < pads ? at_least(factor * (edges[i + 1] - edges[i]), 0.0f) : 0.0f;
    }
    return whole ? 1.0f : sum;
}

// Sets the shares of all rings in rows of pads along x or y.
CALOFORGE_INLINE void set_shares(const Model& model, float centre, int pads, Shares& shares) {
    const int rings = model.rings, stride = shares.stride;
    float* edges = shares.edges.data();
    for (int ring = 0; ring < rings; ++ring)
        set_edges(centre, model.steepness[ring], pads, stride, edges + ring * stride);
    // Only now: what was just written, and is read one place on, is waited for.
    for (int ring = 0; ring < rings; ++ring)
        shares.sum[ring] = set_share(
            edges + ring * stride, pads, stride, model.whole, &shares.share[ring * stride]);
}

// Sets what a ring gives to rows of pads along y in all layers, where these have the same axis.
CALOFORGE_INLINE void weigh(const Model& model, int ring, Shower& shower) {
    const float* share = &shower.in_y.share[ring * shower.in_y.stride];
    const float* weight = &shower.rings[ring * model.layer_lanes];
    float* weighed = &shower.weighed[ring * shower.row];
    // The last layers first: what they write behind a pad's last layer the next pad's first overwrite.
    for (int first = model.layer_lanes - width; first >= 0; first -= width) {
        const auto of_layers = loaded<Floats<width>>(weight + first);
        for (int y = 0; y < model.window_y; ++y)
            store(share[y] * of_layers, weighed + y * model.layers + first);
    }
    for (int layer = 0; layer < model.layer_lanes; ++layer)
        shower.sums_y[ring * model.layer_lanes + layer] = shower.in_y.sum[ring];
}

// Least and largest of what some layers' windows are moved by, in whole pads.
struct Rises {
    int least, most;
};

CALOFORGE_INLINE Rises rises_of(const std::int32_t* rise, int count) {
    Rises of{rise[0], rise[0]};
    for (int i = 1; i < count; ++i) of = {smaller(rise[i], of.least), larger(rise[i], of.most)};
    return of;
}

// The same in inclined showers, whose layers have an axis and a window of their own.
CALOFORGE_INLINE void weigh_inclined(
    const Model& model, const Condition& condition, int ring, Shower& shower) {
    const float steepness = model.steepness[ring] / condition.stretch;
    const float slope = condition.slope, feature = condition.energy_feature;
    const int layer_lanes = model.layer_lanes, layers = model.layers, pads = model.window_y;
    const float of_pads = static_cast<float>(pads);
    const float *shift_at = &model.shift_at[ring * layer_lanes],
                *shift_with_energy = &model.shift_with_energy[ring * layer_lanes];
    const std::int32_t* rise = shower.rise.data();
    float* weighed = &shower.weighed[ring * shower.row];
    std::memset(weighed, 0, shower.row * sizeof(float));
    for (int first = layer_lanes - lanes; first >= 0; first -= lanes) {
        const Rises of = rises_of(rise + first, smaller(lanes, layers - first));
        const float *axis = &shower.axis_y[first], *middle = &shower.centre[first];
        const float* weight = &shower.rings[ring * layer_lanes + first];
        float* all = &shower.sums_y[ring * layer_lanes + first];
        float begin[lanes], edge[lanes], factor[lanes];
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane) {
            const float off_axis =
                slope * (shift_at[first + lane] + shift_with_energy[first + lane] * feature);
            begin[lane] = first_edge(pads) - (axis[lane] - middle[lane] + off_axis);
            const float sum = 0.5f * (error_function((begin[lane] + of_pads) * steepness) -
                                      error_function(begin[lane] * steepness));
            factor[lane] = 0.5f;
            all[lane] = sum;
            const float from_first = static_cast<float>(of.least - rise[first + lane]);
            edge[lane] = error_function((begin[lane] + from_first) * steepness);
        }
        if (model.whole)
            for (int lane = 0; lane < lanes; ++lane)
                factor[lane] = 0.5f / all[lane], all[lane] = 1.0f;
        for (int y = of.least; y < of.most + pads; ++y) {
            float* of_pad = weighed + y * layers + first;
            CALOFORGE_LANES
            for (int lane = 0; lane < lanes; ++lane) {
                const int next = y + 1 - rise[first + lane];
                const float after =
                    error_function((begin[lane] + static_cast<float>(next)) * steepness);
                const float share = at_least(factor[lane] * (after - edge[lane]), 0.0f);
                of_pad[lane] = (next > 0) & (next <= pads) ? share * weight[lane] : 0.0f;
                edge[lane] = after;
            }
        }
    }
}

// Sets what the layers expect beside the window.
CALOFORGE_INLINE void set_beside(const Model& model, Shower& shower) {
    const int layer_lanes = model.layer_lanes;
    for (int first = 0; first < layer_lanes; first += lanes) {
        float beside[lanes] = {};
        for (int ring = 0; ring < model.rings; ++ring) {
            const float* weight = &shower.rings[ring * layer_lanes + first];
            const float* sum_y = &shower.sums_y[ring * layer_lanes + first];
            const float sum_x = shower.in_x.sum[ring];
            CALOFORGE_LANES
            for (int lane = 0; lane < lanes; ++lane)
                beside[lane] += weight[lane] * (1.0f - sum_x * sum_y[lane]);
        }
        CALOFORGE_LANES
        for (int lane = 0; lane < lanes; ++lane)
            shower.beside[first + lane] = beside[lane] * shower.lowered[first + lane];
    }
}

// Some rows of pads: sums over `rings` rings, in their order, of share_x times weighed share_y, in a
// strip of cells.
template <int rows>
CALOFORGE_INLINE void expect_rows(int rings, const float* factor, int stride, const float* weighed,
                                  int row, float* expected) {
    using Vector = Floats<width>;
    Vector sum[rows][parts_of_strip] = {};
    for (int ring = 0; ring < rings; ++ring, factor += stride, weighed += row) {
        for (int part = 0; part < parts_of_strip; ++part) {
            const auto shares = loaded<Vector>(weighed + part * width);
            for (int x = 0; x < rows; ++x)
                sum[x][part] = fused(shares, factor[x] - Vector{}, sum[x][part]);
        }
    }
    for (int x = 0; x < rows; ++x)
        for (int part = 0; part < parts_of_strip; ++part)
            store(sum[x][part], expected + x * cells_of_strip + part * width);
}

// The first of the rings that gives any to the cells of a strip.
CALOFORGE_INLINE int first_reaching(int rings, const float* weighed, int row) {
    using Vector = Floats<width>;
    for (int ring = 0; ring < rings; ++ring, weighed += row)
        for (int part = 0; part < parts_of_strip; ++part)
            if (Wanted(Vector{}, loaded<Vector>(weighed + part * width)).bits() != 0) return ring;
    return rings;
}

// Sets what the strip's cells from `cell` on expect, in GeV, raised.  Narrow rings come first, and those
// that do not reach the cells are left out.
CALOFORGE_INLINE void expect_strip(const Model& model, int cell, Shower& shower) {
    if (shower.aslant.here) {
        const float* from = &shower.aslant.expected[cell];
        for (int x = 0; x < model.window_x; ++x, from += shower.row)
            std::memcpy(&shower.expected[x * cells_of_strip], from, cells_of_strip * sizeof(float));
        return;
    }
    const int row = shower.row, stride = shower.in_x.stride;
    const int first = first_reaching(model.rings, &shower.weighed[cell], row);
    for (int i = 0; i < shower.blocks_x; ++i) {
        const Block& block = shower.block[i];
        const int from = larger(first, block.first), rings = model.rings - from;
        const float* factor = &shower.in_x.share[from * stride + block.x];
        const float* weighed = &shower.weighed[from * row + cell];
        float* expected = &shower.expected[block.x * cells_of_strip];
        if (block.rows == rows_of_block)
            expect_rows<rows_of_block>(rings, factor, stride, weighed, row, expected);
        else
            expect_rows<1>(rings, factor, stride, weighed, row, expected);
    }
}

// Sets the same of all cells of one layer: [window_y][in_x.stride].
void expect_layer(const Model& model, int layer, const Shower& shower, float* expected) {
    const int stride = shower.in_x.stride;
    if (shower.aslant.here) {
        for (int y = 0; y < model.window_y; ++y)
            for (int x = 0; x < model.window_x; ++x)
                expected[y * stride + x] = shower.aslant.expected[shower.place(model, x, y, layer)];
        return;
    }
    for (int y = 0; y < model.window_y; ++y) {
        for (int first = 0; first < stride; first += lanes) {
            const float* weighed = &shower.weighed[shower.place(model, 0, y, layer)];
            const float* share = &shower.in_x.share[first];
            float sum[lanes] = {};
            for (int ring = 0; ring < model.rings; ++ring, share += stride, weighed += shower.row) {
                CALOFORGE_LANES
                for (int lane = 0; lane < lanes; ++lane)
                    sum[lane] = fused(*weighed, share[lane], sum[lane]);
            }
            std::memcpy(expected + y * stride + first, sum, sizeof sum);
        }
    }
}

// Sets the first ring that reaches each block of rows.
CALOFORGE_INLINE void set_blocks(const Model& model, Shower& shower) {
    const Shares& in_x = shower.in_x;
    for (int i = 0; i < shower.blocks_x; ++i) {
        Block& block = shower.block[i];
        const float* share = &in_x.share[block.x];
        for (block.first = 0; block.first < model.rings; ++block.first, share += in_x.stride) {
            float most = 0.0f;
            for (int x = 0; x < block.rows; ++x) most = at_least(share[x], most);
            if (most > 0.0f) break;
        }
    }
}

// Sets what the rings give to rows of pads, and what the layers expect beside the window.
void set_weighed(const Model& model, const Condition& condition, Shower& shower) {
    set_shares(model, shower.axis_x, model.window_x, shower.in_x);
    set_blocks(model, shower);
    if (!model.inclined) set_shares(model, shower.axis_y[0], model.window_y, shower.in_y);
    for (int ring = 0; ring < model.rings; ++ring) {
        if (model.inclined)
            weigh_inclined(model, condition, ring, shower);
        else
            weigh(model, ring, shower);
    }
    set_beside(model, shower);
}

CALOFORGE_END
