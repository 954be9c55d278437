// Elementary functions without branches, in operations that every processor rounds alike.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "set.hpp"

#if defined(__FMA__)
#include <immintrin.h>
#endif

CALOFORGE_BEGIN

CALOFORGE_INLINE std::int32_t bits_of(float value) {
    std::int32_t bits;
    std::memcpy(&bits, &value, 4);
    return bits;
}

CALOFORGE_INLINE float from_bits(std::int32_t bits) {
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

// NaN becomes the bound: what is clamped may be made a whole number.
CALOFORGE_INLINE float at_least(float value, float low) { return value > low ? value : low; }
CALOFORGE_INLINE float at_most(float value, float high) { return value < high ? value : high; }
CALOFORGE_INLINE float clamped(float value, float low, float high) {
    return at_most(at_least(value, low), high);
}

// x y + z, rounded once.  Where the processor cannot, the sum in double precision is rounded to odd
// first, so that rounding it to single precision is as good as rounding the exact one.
CALOFORGE_INLINE float fused(float x, float y, float z) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return __builtin_fmaf(x, y, z);
#else
    const double product = static_cast<double>(x) * y, sum = product + z, of_z = sum - product;
    const double rest = (product - (sum - of_z)) + (z - of_z);
    std::int64_t bits;
    std::memcpy(&bits, &sum, 8);
    bits += rest == 0.0 || (bits & 1) ? 0 : (rest > 0.0) == (sum > 0.0) ? 1 : -1;
    double odd;
    std::memcpy(&odd, &bits, 8);
    return static_cast<float>(odd);
#endif
}

// The same of vectors.
template <class Vector>
CALOFORGE_INLINE Vector fused(Vector x, Vector y, Vector z) {
#if defined(__AVX512F__)
    if constexpr (sizeof(Vector) == 64)
        return reinterpret_cast<Vector>(_mm512_fmadd_ps(
            reinterpret_cast<__m512>(x), reinterpret_cast<__m512>(y), reinterpret_cast<__m512>(z)));
#endif
#if defined(__FMA__)
    if constexpr (sizeof(Vector) == 32)
        return reinterpret_cast<Vector>(_mm256_fmadd_ps(
            reinterpret_cast<__m256>(x), reinterpret_cast<__m256>(y), reinterpret_cast<__m256>(z)));
#endif
    Vector sum = {};
    for (std::size_t i = 0; i < sizeof(Vector) / sizeof(float); ++i) sum[i] = fused(x[i], y[i], z[i]);
    return sum;
}

CALOFORGE_INLINE int smaller(int one, int other) { return one < other ? one : other; }
CALOFORGE_INLINE int larger(int one, int other) { return one > other ? one : other; }

// The next two go by whole numbers, whose order is that of positive floats: of a comparison of floats
// compilers carry either outcome on, up to divisions of their own whose results, not wanted, are too
// small to be normal numbers and take ages.

// x between -bound and bound; NaN becomes one of them.
CALOFORGE_INLINE float within_bound(float x, float bound) {
    const std::int32_t size = bits_of(x) & 0x7fffffff;
    return from_bits(smaller(size, bits_of(bound)) | (bits_of(x) - size));
}

// The larger of x, which is not negative, and a positive bound.
CALOFORGE_INLINE float above_bound(float x, float bound) {
    return from_bits(larger(bits_of(x), bits_of(bound)));
}

// The largest whole number that is not larger, for numbers up to 2**30.
CALOFORGE_INLINE float whole(float value) {
    const float near = static_cast<float>(static_cast<std::int32_t>(value));
    return near > value ? near - 1.0f : near;
}

// exp(x) = 2**n exp(r) with r = x - n log 2, |r| <= log(2) / 2; right to 1e-7 of it.
CALOFORGE_INLINE float exponential(float x) {
    constexpr float rounding = 12582912.0f;  // 1.5 * 2**23: adding it leaves a whole number
    x = within_bound(x, 87.0f);
    const float shifted = fused(x, 1.44269504f, rounding);
    const float n = shifted - rounding;
    const float r = fused(n, 2.12194440e-4f, fused(n, -0.693359375f, x));
    float sum = fused(r, 1.9875691500e-4f, 1.3981999507e-3f);
    sum = fused(sum, r, 8.3334519073e-3f);
    sum = fused(sum, r, 4.1665795894e-2f);
    sum = fused(sum, r, 1.6666665459e-1f);
    sum = fused(sum, r, 5.0000001201e-1f);
    sum = fused(sum * r, r, r + 1.0f);
    const std::int32_t exponent = bits_of(shifted) - bits_of(rounding);
    return sum * from_bits((exponent + 127) << 23);
}

// log(x) = k log 2 + log(1 + f) with 1 + f between sqrt(1/2) and sqrt(2); for positive normal x.
// Without a division, which takes as long as all the rest.
CALOFORGE_INLINE float logarithm(float x) {
    const std::int32_t from_root = bits_of(x) - 0x3f3504f3;
    const float k = static_cast<float>(from_root >> 23);
    const float f = from_bits((from_root & 0x007fffff) + 0x3f3504f3) - 1.0f;
    float sum = fused(f, 7.0376836292e-2f, -1.1514610310e-1f);
    sum = fused(sum, f, 1.1676998740e-1f);
    sum = fused(sum, f, -1.2420140846e-1f);
    sum = fused(sum, f, 1.4249322787e-1f);
    sum = fused(sum, f, -1.6668057665e-1f);
    sum = fused(sum, f, 2.0000714765e-1f);
    sum = fused(sum, f, -2.4999993993e-1f);
    sum = fused(sum, f, 3.3333331174e-1f);
    const float square = f * f;
    const float rest = fused(k, -2.12194440e-4f, fused(sum * f, square, -0.5f * square));
    return fused(k, 0.693359375f, rest + f);
}

// The next three begin with what whole numbers give, right to some per cent, and a polynomial does the
// rest: root and quotient take as long as ten products and sums.

// x / y for positive normal y below 1e38; 1 / y as r / (1 - h) with h = 1 - y r; right to 1e-7.
CALOFORGE_INLINE float quotient(float x, float y) {
    const float r = from_bits(0x7ef31000 - bits_of(y));
    const float h = fused(-y, r, 1.0f);
    float sum = fused(h, 1.00337438f, 1.0032094f);
    sum = fused(sum, h, 9.99997627e-1f);
    sum = fused(sum, h, 9.99997944e-1f);
    sum = fused(sum, h, 1.0f);
    return x * r * sum;
}

// sqrt(x) as x r / sqrt(1 - h) with h = 1 - x r**2, for positive normal x and zero; right to 1e-7.
CALOFORGE_INLINE float square_root(float x) {
    const float r = from_bits(0x5f374800 - (bits_of(x) >> 1)), part = x * r;
    const float h = fused(-part, r, 1.0f);
    float sum = fused(h, 2.74963222e-1f, 3.13938475e-1f);
    sum = fused(sum, h, 3.7499746e-1f);
    sum = fused(sum, h, 4.99998323e-1f);
    sum = fused(sum, h, 1.0f);
    return part * sum;
}

// x**(1/4) as x r**3 (1 - h)**(-3/4) with h = 1 - x r**4; right to 1e-7.
CALOFORGE_INLINE float fourth_root(float x) {
    const float r = from_bits(0x4f586000 - (bits_of(x) >> 2));
    const float square = r * r, part = x * square;
    const float h = fused(-part, square, 1.0f);
    float sum = fused(h, 5.294632376e-1f, 5.757928672e-1f);
    sum = fused(sum, h, 6.017715481e-1f);
    sum = fused(sum, h, 6.561821007e-1f);
    sum = fused(sum, h, 7.499992557e-1f);
    sum = fused(sum, h, 1.000000058f);
    return part * r * sum;
}

// erf(x) as a quotient of polynomials in x**2; right to 4e-7.
CALOFORGE_INLINE float error_function(float x) {
    x = within_bound(x, 3.8325068f);
    const float z = x * x;
    float above = fused(z, 2.2905065861e-4f, 3.4082910107e-3f);
    above = fused(above, z, 5.0955695062e-2f);
    above = fused(above, z, 1.8520832240e-1f);
    above = fused(above, z, 1.1283791435f);
    float below = fused(z, -1.1791602954e-7f, 2.3547966471e-5f);
    below = fused(below, z, 1.0179625279e-3f);
    below = fused(below, z, 1.4070470171e-2f);
    below = fused(below, z, 1.1098505178e-1f);
    below = fused(below, z, 4.9746925110e-1f);
    below = fused(below, z, 1.0f);
    return quotient(x * above, below);
}

CALOFORGE_INLINE float hyperbolic_tangent(float x) {
    return 1.0f - quotient(2.0f, exponential(2.0f * x) + 1.0f);
}

CALOFORGE_INLINE float sigmoid_linear(float x) { return quotient(x, 1.0f + exponential(-x)); }

// Cosine and sine of 2 pi turn, by those of the half of the angle from the opposite point.
CALOFORGE_INLINE void on_circle(float turn, float& cosine, float& sine) {
    const float half = turn - 0.5f, square = half * half;
    float s = fused(square, -7.0283859968e-3f, 8.2050397991e-2f);
    s = fused(s, square, -5.9925223898e-1f);
    s = fused(s, square, 2.5501632690f);
    s = fused(s, square, -5.1677126884f);
    s = fused(s, square, 3.1415927410f) * half;
    float c = fused(square, -2.4396324530e-2f, 2.3493731021e-1f);
    c = fused(c, square, -1.3352119922f);
    c = fused(c, square, 4.0587091445f);
    c = fused(c, square, -4.9348020553f);
    c = fused(c, square, 1.0f);
    cosine = fused(2.0f * s, s, -1.0f);
    sine = -2.0f * s * c;
}

// Two standard normal numbers from two uniform ones: Box and Muller.
CALOFORGE_INLINE void normal_pair(float for_radius, float turn, float& first, float& second) {
    const float log = logarithm(above_bound(1.0f - for_radius, 1e-7f));
    const float radius = square_root(0.0f - 2.0f * log);  // of no negative zero
    float cosine, sine;
    on_circle(turn, cosine, sine);
    first = radius * cosine;
    second = radius * sine;
}

// Sums in halves: lane 0 with 8, 1 with 9, ...; then 0 with 4, ...
CALOFORGE_INLINE float sum_of_lanes(const float* values) {
    float sums[8];
    for (int lane = 0; lane < 8; ++lane) sums[lane] = values[lane] + values[lane + 8];
    for (int lane = 0; lane < 4; ++lane) sums[lane] += sums[lane + 4];
    return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

CALOFORGE_END
