// Those of many that are wanted, one after the other and in their order.
//
// Branches on random numbers are mispredicted, so the lanes of a vector are moved together by one
// instruction of the set, and what is written behind the last one is overwritten by the next ones.
#pragma once

#include <cstdint>
#include <cstring>

#include "set.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

CALOFORGE_BEGIN

// For each set of eight bits, the places of those that are set, first ones first.
struct PlacesOfBits {
    alignas(64) std::uint8_t places[256][8];

    constexpr PlacesOfBits() : places() {
        for (int bits = 0; bits < 256; ++bits)
            for (int bit = 0, count = 0; bit < 8; ++bit)
                if (bits >> bit & 1) places[bits][count++] = static_cast<std::uint8_t>(bit);
    }
};

constexpr PlacesOfBits places_of_bits;

// Which of as many numbers as `size` are below zero.
class Wanted {
  public:
#if defined(__AVX512F__)
    static constexpr int size = 16;
    explicit Wanted(const float* margin)
        : mask_(_mm512_cmp_ps_mask(_mm512_loadu_ps(margin), _mm512_setzero_ps(), _CMP_LT_OQ)) {}
    int count() const { return __builtin_popcount(mask_); }
    template <class Value>
    void take(const Value* from, Value* to) const {
        static_assert(sizeof(Value) == 4, "words only");
        _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(mask_, _mm512_loadu_si512(from)));
    }

  private:
    __mmask16 mask_;
#elif defined(__AVX2__)
    static constexpr int size = 8;
    explicit Wanted(const float* margin) {
        const __m256 below = _mm256_cmp_ps(_mm256_loadu_ps(margin), _mm256_setzero_ps(), _CMP_LT_OQ);
        const int mask = _mm256_movemask_ps(below);
        count_ = __builtin_popcount(static_cast<unsigned>(mask));
        places_ = _mm256_cvtepu8_epi32(_mm_loadl_epi64(
            reinterpret_cast<const __m128i*>(places_of_bits.places[mask])));
    }
    int count() const { return count_; }
    template <class Value>
    void take(const Value* from, Value* to) const {
        static_assert(sizeof(Value) == 4, "words only");
        const __m256i values = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                            _mm256_permutevar8x32_epi32(values, places_));
    }

  private:
    __m256i places_;
    int count_;
#else
    static constexpr int size = 1;
    explicit Wanted(const float* margin) : count_(*margin < 0.0f ? 1 : 0) {}
    int count() const { return count_; }
    template <class Value>
    void take(const Value* from, Value* to) const { *to = *from; }

  private:
    int count_;
#endif
};

// The places of ones among `count` bytes of 0 or 1 (a multiple of eight), eight at a time; returns
// how many there are.  Up to eight places more are written behind them.
CALOFORGE_INLINE int list_ones(const std::uint8_t* ones, int count, std::int32_t* place) {
    int found = 0;
    for (int first = 0; first < count; first += 8) {
        std::uint64_t eight;
        std::memcpy(&eight, ones + first, 8);
        const auto bits = static_cast<std::uint8_t>((eight * 0x0102040810204080u) >> 56);
        for (int i = 0; i < 8; ++i) place[found + i] = first + places_of_bits.places[bits][i];
        found += static_cast<int>((eight * 0x0101010101010101u) >> 56);
    }
    return found;
}

CALOFORGE_END
