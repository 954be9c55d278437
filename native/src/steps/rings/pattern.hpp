// The energy expected in rings and their sectors: Gaussians about the particle, integrated over rings.
//
//     expected = sum over Gaussians of weight share / sectors of the layer
#pragma once

#include "../mathematics.hpp"
#include "../shower.hpp"

CALOFORGE_BEGIN

// Repeats a layer's values from one sector to the next, as far as a vector of cells reaches.
template <class Value>
CALOFORGE_INLINE void repeat_layers(int layers, int stride, Value* values) {
    for (int i = layers; i < stride; ++i) values[i] = values[i - layers];
}

// Sets the parts that sectors have of their ring, which are the same in all showers: none where a layer
// has fewer sectors than others.
void set_sectors(const Model& model, Shower& shower) {
    for (int y = 0; y < model.image_y; ++y)
        for (int layer = 0; layer < model.layers; ++layer) {
            const int sectors = model.cylinder.sectors[layer];
            shower.in_rings.part[y * model.layers + layer] =
                y < sectors ? 1.0f / static_cast<float>(sectors) : 0.0f;
        }
}

// Sets what the rings expect in GeV, raised, all sectors together.
void set_rings(const Model& model, Shower& shower) {
    const int layer_lanes = model.layer_lanes, stride = shower.in_rings.stride;
    for (int x = 0; x < model.image_x; ++x) {
        float* expected = &shower.in_rings.expected[x * stride];
        for (int first = 0; first < layer_lanes; first += lanes) {
            const float* weight = &shower.rings[first];
            const float* share = &model.cylinder.shares[x * layer_lanes + first];
            float sum[lanes] = {};
            for (int ring = 0; ring < model.rings; ++ring) {
                CALOFORGE_LANES
                for (int lane = 0; lane < lanes; ++lane)
                    sum[lane] = fused(weight[lane], share[lane], sum[lane]);
                weight += layer_lanes;
                share += model.image_x * layer_lanes;
            }
            std::memcpy(expected + first, sum, sizeof sum);
        }
        repeat_layers(model.layers, stride, expected);
    }
}

// Sets what the strip's cells from `cell` on expect, in GeV, raised.
CALOFORGE_INLINE void expect_strip_in_rings(const Model& model, int cell, Shower& shower) {
    using Float = Floats<width>;
    const InRings& in_rings = shower.in_rings;
    for (int part = 0; part < parts_of_strip; ++part) {
        const int first = cell + part * width;
        const auto of_ring = loaded<Float>(&in_rings.part[first]);
        const float* ring = &in_rings.expected[first % model.layers];
        float* expected = &shower.expected[part * width];
        for (int x = 0; x < model.image_x; ++x, ring += in_rings.stride, expected += cells_of_strip)
            store(of_ring * loaded<Float>(ring), expected);
    }
}

// Sets the same of all cells of one layer: [image_y][in_x.stride].
void expect_layer_in_rings(const Model& model, int layer, const Shower& shower, float* expected) {
    const InRings& in_rings = shower.in_rings;
    for (int y = 0; y < model.image_y; ++y)
        for (int x = 0; x < model.image_x; ++x)
            expected[y * shower.in_x.stride + x] = in_rings.part[y * model.layers + layer] *
                                                   in_rings.expected[x * in_rings.stride + layer];
}

CALOFORGE_END
