// The small networks, with 16 showers as lanes.
#pragma once

#include "../model.hpp"
#include "mathematics.hpp"
#include "set.hpp"

CALOFORGE_BEGIN

// As many rows of y = weight x + bias; x [in][lanes], y [rows][lanes].  Each sum begins with the bias
// and goes through the inputs in order.
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

CALOFORGE_INLINE void linear(const Linear& layer, const float* x, float* y) {
    constexpr int rows = width == 16 ? outputs_at_once : outputs_at_once / 2;  // in registers
    for (int row = 0; row < layer.out; row += rows)
        linear_rows<rows>(layer.in,
                          &layer.weight[static_cast<std::size_t>(row / outputs_at_once) *
                                            outputs_at_once * layer.in + row % outputs_at_once],
                          &layer.bias[static_cast<std::size_t>(row)], x, y + row * lanes);
}

CALOFORGE_END
