// The random numbers of one shower: a function of seed and shower number alone.
//
// 16 generators xoroshiro128+ (Blackman and Vigna, ACM TOMS 47 (2021) 36) side by side, of which each
// gives two words at a time; their states are what splitmix64 makes of seed and shower number.
#pragma once

#include <cstdint>

#include "../model.hpp"
#include "mathematics.hpp"

CALOFORGE_BEGIN

CALOFORGE_INLINE std::uint64_t mixed(std::uint64_t number) {
    number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9u;
    number = (number ^ (number >> 27)) * 0x94d049bb133111ebu;
    return number ^ (number >> 31);
}

constexpr int words_at_once = 2 * lanes;
constexpr int words_for(int count) {
    return (count + words_at_once - 1) / words_at_once * words_at_once;
}

class Random {
  public:
    void start(std::uint64_t seed, std::uint64_t shower) {
        constexpr std::uint64_t step = 0x9e3779b97f4a7c15u;
        const std::uint64_t first = mixed(mixed(seed + step) + mixed(shower ^ 0x6a09e667f3bcc909u));
        std::uint64_t* state = state_[0];
        CALOFORGE_LANES
        for (int i = 0; i < 2 * lanes; ++i)
            state[i] = mixed(first + static_cast<std::uint64_t>(i + 1) * step);
    }

    // Whole words; `count` must be a multiple of those at once.
    void words(std::uint32_t* numbers, int count) {
        using Long = Longs<width / 2>;
        constexpr int parts = words_at_once / width;
        Long s[2][parts];
        for (int k = 0; k < 2; ++k)
            for (int p = 0; p < parts; ++p)
                s[k][p] = *reinterpret_cast<const Long*>(state_[k] + p * (width / 2));
        for (int first = 0; first < count; first += words_at_once) {
            for (int p = 0; p < parts; ++p) {
                *reinterpret_cast<Long*>(numbers + first + p * width) = s[0][p] + s[1][p];
                const Long both = s[0][p] ^ s[1][p];
                s[0][p] = ((s[0][p] << 24) | (s[0][p] >> 40)) ^ both ^ (both << 16);
                s[1][p] = (both << 37) | (both >> 27);
            }
        }
        for (int k = 0; k < 2; ++k)
            for (int p = 0; p < parts; ++p)
                *reinterpret_cast<Long*>(state_[k] + p * (width / 2)) = s[k][p];
    }

    // Uniform numbers in [0, 1), of 24 bits.
    void uniform(float* numbers, int count) {
        words(reinterpret_cast<std::uint32_t*>(numbers), count);
        CALOFORGE_LANES
        for (int i = 0; i < count; ++i) {
            const std::uint32_t word = static_cast<std::uint32_t>(bits_of(numbers[i])) >> 8;
            numbers[i] = static_cast<float>(static_cast<std::int32_t>(word)) * 5.9604645e-8f;
        }
    }

  private:
    alignas(64) std::uint64_t state_[2][lanes];
};

CALOFORGE_END
