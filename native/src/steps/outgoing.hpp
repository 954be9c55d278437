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

// Cells or energies of hits, which go to memory that begins with a line.
template <class Value>
class Outgoing {
  public:
    // Of at most so many at a time.
    explicit Outgoing(std::size_t most) : values_(most + of_line) {}

    // Behind the first `there` values of the memory.
    void start(const Value* memory, std::size_t there) {
        waiting_ = there % of_line;
        if (waiting_ != 0)
            std::memcpy(values_.data(), memory + (there - waiting_), waiting_ * sizeof(Value));
    }

    // Where the next ones are to be made.
    Value* next() { return values_.data() + waiting_; }

    // So many were made: puts the lines that are whole where they belong, behind `there` values.
    void add(Value* memory, std::size_t there, std::size_t count) {
        const std::size_t all = waiting_ + count, whole = all / of_line * of_line;
        put_past_caches(values_.data(), memory + (there - waiting_), whole / of_line);
        waiting_ = all - whole;
        std::memmove(values_.data(), values_.data() + whole, waiting_ * sizeof(Value));
    }

    // Puts the rest there, too, so that any thread may read all `there` values.
    void finish(Value* memory, std::size_t there) {
        if (waiting_ != 0)
            std::memcpy(memory + (there - waiting_), values_.data(), waiting_ * sizeof(Value));
#if defined(__SSE2__)
        _mm_sfence();
#endif
    }

  private:
    static constexpr std::size_t of_line = line_bytes / sizeof(Value);
    Array<Value> values_;
    std::size_t waiting_ = 0;
};

CALOFORGE_END
