// What makes showers, in one of the instruction sets.
#pragma once

#include <cstdint>
#include <memory>

#include "model.hpp"

namespace caloforge {

// The hits of showers one after the other, in memory that grows and begins with lines of a cache.
// Cells are numbers of 32 bits in `cell`, or of 16 in `narrow_cell`.
class HitBuffer {
  public:
    explicit HitBuffer(bool narrow = false) : narrow_(narrow) {}
    ~HitBuffer();
    HitBuffer(const HitBuffer&) = delete;
    HitBuffer& operator=(const HitBuffer&) = delete;

    void start(std::size_t showers);
    bool narrow() const { return narrow_; }
    // Whether there are more showers than the caches hold.
    bool large() const { return large_; }
    // Room for so many hits more.
    void reserve(std::size_t hits);
    void finish_shower(std::size_t hits);

    std::size_t showers = 0;
    std::size_t hits = 0;
    std::int64_t* offsets = nullptr;
    std::uint32_t* cell = nullptr;
    std::uint16_t* narrow_cell = nullptr;
    float* energy = nullptr;

  private:
    static constexpr std::size_t many_showers = 64;
    bool narrow_, large_ = false;
    std::size_t room_showers_ = 0, room_hits_ = 0;
};

// Quantities on the way of one group of showers, where a test asks for them; any may be null.
struct Trace {
    const float* numbers = nullptr;  // [showers][numbers]: uniform, in place of drawn ones
    float* layer_energy = nullptr;   // [showers][layers] GeV
    float* rings = nullptr;          // [showers][layers][rings]
    float* size = nullptr;           // [showers][layers] logarithm, of deposits over the usual ones
    float* missed = nullptr;         // [showers][2] pads
    float* axis_y = nullptr;         // [showers][layers] pads
    float* expected = nullptr;       // [showers][window_x][window_y][layers] GeV
    float* beside = nullptr;         // [showers][layers] GeV
    float* rate = nullptr;           // [showers][layers] particles of the halo
    float* field = nullptr;          // [showers][image_x][image_y][layers] in rings: of normal numbers
    float* number = nullptr;         // [showers][layers] hits of faint layers
    float* factor = nullptr;         // [showers][layers] of the asked cells' quantiles, for these
    // Asked cells: with these numbers [showers][window_x][window_y][layers], those deposits.
    const std::uint32_t* cell_numbers = nullptr;
    float* deposit = nullptr;
};

class Maker {
  public:
    virtual ~Maker() = default;
    // At most `lanes` showers, numbered from `first` on.  `impact` [showers][2]: where the particles
    // enter the front, in pads from the middle of one; null: anywhere, drawn.  `phi` [showers]: which way
    // they lean, in rad from x towards y; null: along y.
    virtual void make(std::uint64_t seed, std::uint64_t first, int showers, const float* energy,
                      const float* theta, const float* impact, const float* phi, HitBuffer& hits) = 0;
    virtual void trace(int showers, const float* energy, const float* theta, const float* phi,
                       const Trace& trace) = 0;
};

namespace portable { std::unique_ptr<Maker> new_maker(const Model& model); }
namespace avx2 { std::unique_ptr<Maker> new_maker(const Model& model); }
namespace avx512 { std::unique_ptr<Maker> new_maker(const Model& model); }

}  // namespace caloforge
