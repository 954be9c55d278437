// The small networks: of 16 showers, which are the lanes, or of one, whose outputs are.  Each sum
// begins with the bias and goes through the inputs in order, so that a shower is the same in both.
#pragma once

#include "../model.hpp"
#include "mathematics.hpp"
#include "set.hpp"

CALOFORGE_BEGIN

// As many rows of y = weight x + bias of 16 showers; x [in][lanes], y [rows][lanes].
template <int rows>
CALOFORGE_INLINE void linear_rows(
    int in, const float* weight, const float* bias, const float* x, float* y) {
    using Vector = Floats<width>;
    constexpr int parts = lanes / width;
    Vector sum[rows][parts];
    for (int row = 0; row < rows; ++row)
        for (int part = 0; part < parts; ++part) sum[row][part] = Vector{} + bias[row];
    for (int i = 0; i < in; ++i, weight += outputs_at_once) {
        for (int part = 0; part < parts; ++part) {
            const auto value = loaded<Vector>(x + i * lanes + part * width);
            for (int row = 0; row < rows; ++row)
                sum[row][part] = fused(value, weight[row] - Vector{}, sum[row][part]);
        }
    }
    for (int row = 0; row < rows; ++row)
        for (int part = 0; part < parts; ++part) store(sum[row][part], y + row * lanes + part * width);
}

// As many blocks of outputs of y = weight x + bias of one shower; x [in].
template <int blocks>
CALOFORGE_INLINE void linear_blocks(
    int in, const float* weight, const float* bias, const float* x, float* y) {
    constexpr int size = outputs_at_once;
    float sum[blocks * size];
    std::memcpy(sum, bias, sizeof sum);
    for (int i = 0; i < in; ++i)
        for (int block = 0; block < blocks; ++block) {
            const float* row = weight + (block * in + i) * size;
            CALOFORGE_LANES
            for (int k = 0; k < size; ++k)
                sum[block * size + k] = fused(x[i], row[k], sum[block * size + k]);
        }
    std::memcpy(y, sum, sizeof sum);
}

// y = weight x + bias of `side` showers; x [in][side], y [out][side].
template <int side>
CALOFORGE_INLINE void linear(const Linear& layer, const float* x, float* y) {
    if constexpr (side == 1) {
        constexpr int blocks = 4;  // whose sums wait for each other no longer than they take
        int row = 0;
        for (; row + blocks * outputs_at_once <= layer.out; row += blocks * outputs_at_once)
            linear_blocks<blocks>(layer.in, &layer.weight[static_cast<std::size_t>(row) * layer.in],
                                  &layer.bias[static_cast<std::size_t>(row)], x, y + row);
        for (; row < layer.out; row += outputs_at_once)
            linear_blocks<1>(layer.in, &layer.weight[static_cast<std::size_t>(row) * layer.in],
                             &layer.bias[static_cast<std::size_t>(row)], x, y + row);
        return;
    }
    constexpr int rows = width == 16 ? outputs_at_once : outputs_at_once / 2;  // in registers
    for (int row = 0; row < layer.out; row += rows)
        linear_rows<rows>(layer.in,
                          &layer.weight[static_cast<std::size_t>(row / outputs_at_once) *
                                            outputs_at_once * layer.in + row % outputs_at_once],
                          &layer.bias[static_cast<std::size_t>(row)], x, y + row * lanes);
}

CALOFORGE_END
