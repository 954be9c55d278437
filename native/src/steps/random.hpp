// The random numbers of one shower: a function of seed and shower number alone.
//
// 16 generators xoshiro128++ (Blackman and Vigna, ACM TOMS 47 (2021) 36) side by side; their states
// are what splitmix64 makes of seed and shower number.
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

class Random {
  public:
    void start(std::uint64_t seed, std::uint64_t shower) {
        constexpr std::uint64_t step = 0x9e3779b97f4a7c15u;
        std::uint64_t state = mixed(mixed(seed + step) + mixed(shower ^ 0x6a09e667f3bcc909u));
        for (int lane = 0; lane < 2 * lanes; ++lane) {
            const std::uint64_t word = mixed(state += step);
            state_[lane / lanes * 2][lane % lanes] = static_cast<std::uint32_t>(word);
            state_[lane / lanes * 2 + 1][lane % lanes] = static_cast<std::uint32_t>(word >> 32);
        }
    }

    // Whole words; `count` must be a multiple of the lanes.
    void words(std::uint32_t* numbers, int count) {
        using Word = Words<width>;
        constexpr int parts = lanes / width;
        Word s[4][parts];
        for (int k = 0; k < 4; ++k)
            for (int p = 0; p < parts; ++p)
                s[k][p] = *reinterpret_cast<const Word*>(state_[k] + p * width);
        for (int first = 0; first < count; first += lanes) {
            for (int p = 0; p < parts; ++p) {
                const Word sum = s[0][p] + s[3][p];
                *reinterpret_cast<Word*>(numbers + first + p * width) =
                    ((sum << 7) | (sum >> 25)) + s[0][p];
                const Word t = s[1][p] << 9;
                s[2][p] ^= s[0][p];
                s[3][p] ^= s[1][p];
                s[1][p] ^= s[2][p];
                s[0][p] ^= s[3][p];
                s[2][p] ^= t;
                s[3][p] = (s[3][p] << 11) | (s[3][p] >> 21);
            }
        }
        for (int k = 0; k < 4; ++k)
            for (int p = 0; p < parts; ++p)
                *reinterpret_cast<Word*>(state_[k] + p * width) = s[k][p];
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
    alignas(64) std::uint32_t state_[4][lanes];
};

CALOFORGE_END
