// One random number for each cell of rings and sectors, as on pads: 24 bits say its quantile, 8 more how
// its row is dithered and whether it shares its quantile with the next ring or sector.
//
// A field that is smooth in the angle, the same in all rings up to its size, remembers the layer before:
//
//     field_m = sum over the poles of multipole m, cosine and sine, of basis memory slow
//     normal = sqrt(1 - sum over m of share_m) fast + sum over m of sqrt(share_m) field_m
//     quantile = (1 + erf(normal / sqrt 2)) / 2
#pragma once

#include "../noise.hpp"
#include "pattern.hpp"

CALOFORGE_BEGIN

// Sets what is the same in all showers: the poles in the sectors, and the chances of sharing.
void set_neighbours_in_rings(const Model& model, Shower& shower) {
    InRings& in_rings = shower.in_rings;
    const Cylinder& cylinder = model.cylinder;
    const int layers = model.layers, stride = in_rings.stride, of_pole = model.image_y * layers;
    for (int pole = 0; pole < poles; ++pole)
        std::memcpy(&in_rings.basis[pole * shower.row], &cylinder.basis[pole * of_pole],
                    of_pole * sizeof(float));
    for (int x = 0; x < model.image_x; ++x) {
        for (int layer = 0; layer < layers; ++layer) {
            in_rings.to_ring[x * stride + layer] = in_layer(cylinder.to_ring[x], layer);
            in_rings.to_either[x * stride + layer] = in_layer(cylinder.to_either[x], layer);
        }
        repeat_layers(layers, stride, &in_rings.to_ring[x * stride]);
        repeat_layers(layers, stride, &in_rings.to_either[x * stride]);
    }
}

// Sets the field's multipoles in all sectors, from uniform numbers [poles + 1][layers].
void set_field(const Model& model, const float* numbers, Shower& shower) {
    using Float = Floats<width>;
    InRings& in_rings = shower.in_rings;
    const int layers = model.layers, layer_lanes = model.layer_lanes, stride = in_rings.stride;
    const int row = shower.row;
    float *slow = in_rings.slow.data(), *remembered = in_rings.remembered.data();
    for (int pole = 0; pole < multipoles; ++pole) {
        const float *one = numbers + pole * layers, *other = one + multipoles * layers;
        float *first = slow + pole * layer_lanes, *second = first + multipoles * layer_lanes;
        CALOFORGE_LANES
        for (int layer = 0; layer < layers; ++layer)
            normal_pair(one[layer], other[layer], first[layer], second[layer]);
    }
    for (int pole = 0; pole < poles; ++pole) {
        remember<1>(&model.cylinder.memory[pole * layers * layer_lanes], layers, layer_lanes,
                    slow + pole * layer_lanes, remembered + pole * stride);
        repeat_layers(layers, stride, remembered + pole * stride);
    }
    for (int multipole = 0; multipole < multipoles; ++multipole) {
        const int first = multipole == 0 ? 0 : 2 * multipole - 1, second = 2 * multipole;
        const float *cosine = &in_rings.basis[first * row], *sine = &in_rings.basis[second * row];
        for (int cell = 0; cell < row; cell += width) {
            const int layer = cell % layers;
            Float sum = loaded<Float>(cosine + cell) * loaded<Float>(remembered + first * stride + layer);
            if (multipole > 0)
                sum = fused(loaded<Float>(sine + cell),
                            loaded<Float>(remembered + second * stride + layer), sum);
            store(sum, &in_rings.field[multipole * row + cell]);
        }
    }
}

// What a ring's cells are made of: the roots of the parts of the field's multipoles, and of the rest.
struct RingParts {
    float of_multipole[multipoles], rest;

    explicit RingParts(const float* share) {
        float left = 1.0f;
        for (int multipole = 0; multipole < multipoles; ++multipole) {
            of_multipole[multipole] = std::sqrt(at_least(share[multipole], 0.0f));
            left -= share[multipole];
        }
        rest = std::sqrt(at_least(left, 0.0f));
    }

    // The field's part in a cell's normal number.
    CALOFORGE_INLINE float of_field(const float* field, int row, int cell) const {
        float sum = of_multipole[0] * field[cell];
        for (int multipole = 1; multipole < multipoles; ++multipole)
            sum = fused(of_multipole[multipole], field[multipole * row + cell], sum);
        return sum;
    }
};

// Sets the field's shares of the rings.
void set_ring_shares(const Model& model, const Condition& condition, Shower& shower) {
    condition.interpolate(
        model.cylinder.share.data(), model.image_x * multipoles, shower.in_rings.share.data());
}

// Makes the quantiles of a ring's cells of their numbers.
CALOFORGE_INLINE void set_ring_quantiles(
    const RingParts& parts, const float* field, int row, std::uint32_t* number) {
    const auto in_cell = [&](std::uint32_t own, float fast, int cell) {
        const float normal = fused(parts.rest, fast, parts.of_field(field, row, cell));
        const float chance = 0.5f + 0.5f * error_function(normal * 0.70710678f);
        const float quantile = clamped(chance * 16777216.0f, 0.0f, 16777215.0f);
        return static_cast<std::uint32_t>(static_cast<std::int32_t>(quantile)) << 8 | (own & 0xff);
    };
    const auto uniform = [](std::uint32_t own) {
        return static_cast<float>(quantile_of(own)) * 5.9604645e-8f;
    };
    for (int first = 0; first < row; first += 2 * lanes) {
        CALOFORGE_LANES
        for (int cell = first; cell < first + lanes; ++cell) {
            const std::uint32_t one = number[cell], other = number[cell + lanes];
            float of_one, of_other;
            normal_pair(uniform(one), uniform(other), of_one, of_other);
            number[cell] = in_cell(one, of_one, cell);
            number[cell + lanes] = in_cell(other, of_other, cell + lanes);
        }
    }
}

// Draws the cells' numbers.  The first sector follows the last one once more, and the outermost ring has
// itself for a neighbour.
void set_numbers_in_rings(
    const Model& model, const Condition& condition, Random& random, Shower& shower) {
    const InRings& in_rings = shower.in_rings;
    const int row = shower.row, layers = model.layers;
    std::uint32_t* number = shower.number.data();
    random.words(number, model.image_x * row);
    set_ring_shares(model, condition, shower);
    for (int x = 0; x < model.image_x; ++x, number += row) {
        set_ring_quantiles(RingParts(&in_rings.share[x * multipoles]), in_rings.field.data(), row, number);
        for (int layer = 0; layer < layers; ++layer)
            number[model.cylinder.sectors[layer] * layers + layer] = number[layer];
    }
    std::memcpy(number, number - row, row * sizeof(std::uint32_t));
}

CALOFORGE_END
