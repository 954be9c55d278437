// The small networks, with 16 showers as lanes.
#pragma once

#include "../model.hpp"
#include "mathematics.hpp"
#include "set.hpp"

CALOFORGE_BEGIN

// Rows `first` to `first + rows` of y = weight x + bias; x [in][lanes], y [out][lanes].
// Each sum begins with the bias and goes through the inputs in order.
template <int rows>
CALOFORGE_INLINE void linear_rows(const Linear& layer, const float* x, float* y, int first) {
    using Vector = Floats<width>;
    constexpr int parts = lanes / width;
    const float* weight = layer.weight.data() + static_cast<std::size_t>(first) * layer.in;
    Vector sum[rows][parts];
    for (int row = 0; row < rows; ++row)
        for (int part = 0; part < parts; ++part)
            sum[row][part] = Vector{} + layer.bias[static_cast<std::size_t>(first + row)];
    for (int i = 0; i < layer.in; ++i) {
        for (int part = 0; part < parts; ++part) {
            const Vector value = *reinterpret_cast<const Vector*>(x + i * lanes + part * width);
            for (int row = 0; row < rows; ++row)
                sum[row][part] =
                    fused(value, weight[row * layer.in + i] - Vector{}, sum[row][part]);
        }
    }
    for (int row = 0; row < rows; ++row)
        for (int part = 0; part < parts; ++part)
            *reinterpret_cast<Vector*>(y + (first + row) * lanes + part * width) = sum[row][part];
}

CALOFORGE_INLINE void linear(const Linear& layer, const float* x, float* y) {
    constexpr int at_once = width == 16 ? 8 : 4;
    int row = 0;
    for (; row + at_once <= layer.out; row += at_once) linear_rows<at_once>(layer, x, y, row);
    for (; row < layer.out; ++row) linear_rows<1>(layer, x, y, row);
}

CALOFORGE_END
