// Every step is compiled once for each instruction set, in a namespace of that set's name.
//
// Nothing here depends on the set but the speed: sums run in a stated order, products and sums are
// rounded one by one (-ffp-contract=off) where they are not `fused`, and no function of the
// mathematical library is called but the root, which IEEE 754 fixes.  So all sets make the same
// showers, bit by bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#ifndef CALOFORGE_SET
#error "compile with -DCALOFORGE_SET=portable, avx2 or avx512"
#endif

#define CALOFORGE_BEGIN         \
    namespace caloforge {       \
    namespace CALOFORGE_SET {   \
    namespace {
#define CALOFORGE_END }}}

#define CALOFORGE_INLINE inline __attribute__((always_inline))

// The loop's turns do not depend on each other: for the compiler to run them side by side, and not
// to write them out one after the other first.
#if defined(__clang__)
#define CALOFORGE_LANES _Pragma("clang loop vectorize(assume_safety)")
#else
#define CALOFORGE_LANES _Pragma("GCC ivdep") _Pragma("GCC unroll 1")
#endif

// A short loop to be written out, because counting takes as long as what is done.
#if defined(__clang__)
#define CALOFORGE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define CALOFORGE_UNROLL _Pragma("GCC unroll 16")
#endif

CALOFORGE_BEGIN

#if defined(__AVX512F__)
constexpr int width = 16;
#elif defined(__AVX__)
constexpr int width = 8;
#else
constexpr int width = 4;
#endif

// As many numbers as the set computes at once: for the inner loops whose sums must stay in registers.
template <int size>
struct VectorOf {
    typedef float Floats __attribute__((vector_size(4 * size), aligned(4), may_alias));
    typedef unsigned Words __attribute__((vector_size(4 * size), aligned(4), may_alias));
    typedef int Ints __attribute__((vector_size(4 * size), aligned(4), may_alias));
    typedef std::uint64_t Longs __attribute__((vector_size(8 * size), aligned(4), may_alias));
};
template <int size>
using Floats = typename VectorOf<size>::Floats;
template <int size>
using Words = typename VectorOf<size>::Words;
template <int size>
using Ints = typename VectorOf<size>::Ints;
template <int size>
using Longs = typename VectorOf<size>::Longs;

// A vector of what is in memory from `values` on.
template <class Vector, class Value>
CALOFORGE_INLINE Vector loaded(const Value* values) {
    static_assert(sizeof(Value) == 4, "words only");
    Vector vector;
    std::memcpy(&vector, values, sizeof vector);
    return vector;
}

CALOFORGE_INLINE void store(Floats<width> vector, float* values) {
    *reinterpret_cast<Floats<width>*>(values) = vector;
}

// Memory of a fixed size.  Not std::vector: the linker keeps one copy of a template's functions for
// all sets, and it may be one that this processor cannot run.
template <class Value>
class Array {
  public:
    explicit Array(std::size_t size)
        : size_(size), values_(static_cast<Value*>(
              ::operator new[](sizeof(Value) * (size + 1), alignment))) {
        for (std::size_t i = 0; i <= size; ++i) values_[i] = Value{};
    }
    ~Array() { ::operator delete[](values_, alignment); }
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;

    Value* data() { return values_; }
    const Value* data() const { return values_; }
    std::size_t size() const { return size_; }
    Value& operator[](std::size_t place) { return values_[place]; }
    const Value& operator[](std::size_t place) const { return values_[place]; }

  private:
    static constexpr std::align_val_t alignment{64};
    std::size_t size_;
    Value* values_;
};

CALOFORGE_END
