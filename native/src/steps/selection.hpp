// Those of many that are wanted, one after the other and in their order; and back to their places.
//
// Branches on random numbers are mispredicted, so the lanes of a vector are moved together, or apart,
// by one instruction of the set.  Vectors come by value: a template's reference to one would be to
// memory as aligned as the vector is long, which the memory of locals need not be.  Of what is moved together a whole vector is written: what is behind
// the last wanted one is overwritten by the next ones.
#pragma once

#include <cstdint>
#include <cstring>

#include "set.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

CALOFORGE_BEGIN

// For each set of eight bits, the places of those that are set, first ones first; and for each of the
// eight how many are set before it, 128 more where it is not set itself.
struct PlacesOfBits {
    alignas(64) std::uint8_t places[256][8];
    alignas(64) std::uint8_t before[256][8];

    constexpr PlacesOfBits() : places(), before() {
        for (int bits = 0; bits < 256; ++bits)
            for (int bit = 0, count = 0; bit < 8; ++bit) {
                const bool set = bits >> bit & 1;
                before[bits][bit] = static_cast<std::uint8_t>(set ? count : count + 128);
                if (set) places[bits][count++] = static_cast<std::uint8_t>(bit);
            }
    }
};

constexpr PlacesOfBits places_of_bits;

// Which of a vector's lanes are wanted.
class Wanted {
  public:
    using Bits = std::uint16_t;

    explicit Wanted(unsigned bits) : bits_(bits) {}
    Bits bits() const { return static_cast<Bits>(bits_); }
    int count() const { return __builtin_popcount(bits_); }
    // Those of the lanes from `begin` on and before `end`.
    Wanted between(int begin, int end) const {
        const unsigned from = begin > 0 ? ~0u << begin : ~0u;
        const unsigned to = end < width ? ~(~0u << end) : ~0u;
        return Wanted(bits_ & from & to);
    }

#if defined(__AVX512F__)
    // Those whose number is below the bound.
    Wanted(const Floats<width>& number, const Floats<width>& bound)
        : bits_(_mm512_cmp_ps_mask(reinterpret_cast<__m512>(number),
                                   reinterpret_cast<__m512>(bound), _CMP_LT_OQ)) {}

    // Moves the wanted ones together.
    template <class Vector, class Value>
    CALOFORGE_INLINE void take(Vector from, Value* to) const {
        const __m512i together =
            _mm512_maskz_compress_epi32(bits(), reinterpret_cast<__m512i>(from));
        if constexpr (sizeof(Value) == 2)
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi32_epi16(together));
        else
            _mm512_storeu_si512(to, together);
    }

    // The inverse: the wanted lanes have what is in memory from `from` on, the others zero.
    Floats<width> put(const float* from) const {
        return reinterpret_cast<Floats<width>>(
            _mm512_maskz_expand_ps(bits(), _mm512_loadu_ps(from)));
    }
#elif defined(__AVX2__)
    Wanted(const Floats<width>& number, const Floats<width>& bound)
        : bits_(static_cast<unsigned>(_mm256_movemask_ps(
              _mm256_cmp_ps(reinterpret_cast<__m256>(number), reinterpret_cast<__m256>(bound),
                            _CMP_LT_OQ)))) {}

    template <class Vector, class Value>
    CALOFORGE_INLINE void take(Vector from, Value* to) const {
        const __m256i together = _mm256_permutevar8x32_epi32(
            reinterpret_cast<__m256i>(from), eight(places_of_bits.places));
        if constexpr (sizeof(Value) == 2) {
            const __m256i packed = _mm256_permute4x64_epi64(
                _mm256_packus_epi32(together, together), 0x08);
            _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(packed));
        } else {
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), together);
        }
    }

    Floats<width> put(const float* from) const {
        const __m256i before = eight(places_of_bits.before);
        const __m256i apart = _mm256_permutevar8x32_epi32(
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)), before);
        const __m256i unset = _mm256_cmpgt_epi32(before, _mm256_set1_epi32(127));
        return reinterpret_cast<Floats<width>>(_mm256_andnot_si256(unset, apart));
    }
#else
    Wanted(const Floats<width>& number, const Floats<width>& bound) : bits_(0) {
        for (int lane = 0; lane < width; ++lane)
            bits_ |= number[lane] < bound[lane] ? 1u << lane : 0u;
    }

    template <class Vector, class Value>
    CALOFORGE_INLINE void take(Vector from, Value* to) const {
        const std::uint8_t* places = places_of_bits.places[bits_];
        for (int lane = 0; lane < width; ++lane) to[lane] = static_cast<Value>(from[places[lane]]);
    }

    Floats<width> put(const float* from) const {
        const std::uint8_t* before = places_of_bits.before[bits_];
        Floats<width> apart = {};
        for (int lane = 0; lane < width; ++lane)
            apart[lane] = before[lane] < 128 ? from[before[lane]] : 0.0f;
        return apart;
    }
#endif

  private:
#if defined(__AVX2__) && !defined(__AVX512F__)
    __m256i eight(const std::uint8_t (&table)[256][8]) const {
        return _mm256_cvtepu8_epi32(
            _mm_loadl_epi64(reinterpret_cast<const __m128i*>(table[bits_])));
    }
#endif
    unsigned bits_;
};

CALOFORGE_END
