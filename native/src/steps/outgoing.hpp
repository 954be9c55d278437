// Hits on their way to a large memory, which is read when it is full: past the caches.
//
// Stores to memory that is in no cache fetch it first, and drive out the tables that the next shower
// needs.  So a shower's hits are made in memory that stays near, and go on as whole lines.
#pragma once

#include <cstdint>
#include <cstring>

#include "set.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

CALOFORGE_BEGIN

constexpr std::size_t line_bytes = 64;

// Copies lines; `to` begins with one.
CALOFORGE_INLINE void put_past_caches(const void* from, void* to, std::size_t lines) {
#if defined(__AVX512F__)
    using Part = __m512i;
#elif defined(__AVX2__)
    using Part = __m256i;
#elif defined(__SSE2__)
    using Part = __m128i;
#else
    std::memcpy(to, from, lines * line_bytes);
#endif
#if defined(__SSE2__)
    const auto* parts = static_cast<const Part*>(from);
    auto* places = static_cast<Part*>(to);
    for (std::size_t i = 0; i < lines * line_bytes / sizeof(Part); ++i) {
#if defined(__AVX512F__)
        _mm512_stream_si512(places + i, parts[i]);
#elif defined(__AVX2__)
        _mm256_stream_si256(places + i, parts[i]);
#else
        _mm_stream_si128(places + i, parts[i]);
#endif
    }
#endif
}

// Cells or energies of hits, which go to memory that begins with a line; there they may be narrower.
template <class Value>
class Outgoing {
  public:
    // Of at most so many at a time.
    explicit Outgoing(std::size_t most) : values_(most + line_bytes) {}

    // Behind the first `there` values of the memory.
    template <class To>
    void start(const To* memory, std::size_t there) {
        waiting_ = there % of_line<To>;
        for (std::size_t i = 0; i < waiting_; ++i)
            values_[i] = static_cast<Value>(memory[there - waiting_ + i]);
    }

    // Where the next ones are to be made.
    Value* next() { return values_.data() + waiting_; }

    // So many were made: puts the lines that are whole where they belong, behind `there` values.
    template <class To>
    void add(To* memory, std::size_t there, std::size_t count) {
        const std::size_t all = waiting_ + count, lines = all / of_line<To>, whole = lines * of_line<To>;
        put_lines(values_.data(), memory + (there - waiting_), lines);
        waiting_ = all - whole;
        std::memmove(values_.data(), values_.data() + whole, waiting_ * sizeof(Value));
    }

    // Puts the rest there, too, so that any thread may read all `there` values.
    template <class To>
    void finish(To* memory, std::size_t there) {
        for (std::size_t i = 0; i < waiting_; ++i)
            memory[there - waiting_ + i] = static_cast<To>(values_[i]);
#if defined(__SSE2__)
        _mm_sfence();
#endif
    }

  private:
    template <class To>
    static constexpr std::size_t of_line = line_bytes / sizeof(To);

    static void put_lines(const Value* from, Value* to, std::size_t lines) {
        put_past_caches(from, to, lines);
    }

    template <class To>
    static void put_lines(const Value* from, To* to, std::size_t lines) {
        constexpr int count = of_line<To>;
        alignas(line_bytes) To line[count];
        for (std::size_t i = 0; i < lines; ++i, from += count, to += count) {
            CALOFORGE_LANES
            for (int k = 0; k < count; ++k) line[k] = static_cast<To>(from[k]);
            put_past_caches(line, to, 1);
        }
    }

    Array<Value> values_;
    std::size_t waiting_ = 0;
};

CALOFORGE_END
