#include "sampler.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <new>

#include "model_file.hpp"
#include "range.hpp"

namespace caloforge {
namespace {

constexpr std::align_val_t line{64};
constexpr double full_turn = 6.2831854;
constexpr float straight_cosine = 1e-6f;

template <class Value>
void forget(Value* values) {
    ::operator delete[](values, line);
}

// Room for `room` values, of which the first `kept` stay.
template <class Value>
void grow(Value*& values, std::size_t kept, std::size_t room) {
    auto* larger = static_cast<Value*>(::operator new[](room * sizeof(Value), line));
    if (kept != 0) std::memcpy(larger, values, kept * sizeof(Value));
    forget(values);
    values = larger;
}

void check_inside(const char* what, double value, double low, double high) {
    if (Range{low, high}.holds(value)) return;
    char line[160];
    std::snprintf(line, sizeof line, "%s %g is outside the model's range %g to %g", what, value, low, high);
    throw Error(CALOFORGE_OUT_OF_RANGE, line);
}

}  // namespace

HitBuffer::~HitBuffer() {
    forget(offsets);
    forget(cell);
    forget(narrow_cell);
    forget(energy);
}

void HitBuffer::start(std::size_t for_showers) {
    if (for_showers + 1 > room_showers_) grow(offsets, 0, room_showers_ = for_showers + 1);
    offsets[0] = 0;
    showers = hits = 0;
    large_ = for_showers >= many_showers;
}

void HitBuffer::reserve(std::size_t more) {
    if (hits + more <= room_hits_) return;
    const std::size_t room = (hits + more) + (hits + more) / 2;
    if (narrow_)
        grow(narrow_cell, hits, room);
    else
        grow(cell, hits, room);
    grow(energy, hits, room);
    room_hits_ = room;
}

void HitBuffer::finish_shower(std::size_t more) {
    hits += more;
    offsets[++showers] = static_cast<std::int64_t>(hits);
}

std::string read_file(const std::string& path) {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
    std::string bytes;
    char part[1 << 16];
    while (file != nullptr) {
        const std::size_t length = std::fread(part, 1, sizeof part, file.get());
        bytes.append(part, length);
        if (length < sizeof part) break;
    }
    if (file == nullptr || std::ferror(file.get()) != 0)
        throw Error(CALOFORGE_UNREADABLE, "no file that can be read");
    return bytes;
}

const std::vector<std::string>& instruction_sets() {
    static const std::vector<std::string> sets = [] {
        std::vector<std::string> found;
#if defined(CALOFORGE_X86)
        __builtin_cpu_init();
        const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                          __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
        if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
            found.push_back("avx512");
        if (avx2) found.push_back("avx2");
#endif
        found.push_back("portable");
        return found;
    }();
    return sets;
}

ShowerMaker::ShowerMaker(const Sampler& sampler, const std::string& set) : model_(&sampler.model) {
    const std::string chosen = set.empty() ? instruction_sets().front() : set;
    bool there = false;
    for (const std::string& name : instruction_sets()) there = there || name == chosen;
    if (!there)
        throw Error(CALOFORGE_BAD_INPUT, "this machine has no instruction set '" + chosen + "'");
#if defined(CALOFORGE_X86)
    if (chosen == "avx512") maker_ = avx512::new_maker(*model_);
    if (chosen == "avx2") maker_ = avx2::new_maker(*model_);
#endif
    if (chosen == "portable") maker_ = portable::new_maker(*model_);
}

void ShowerMaker::check(std::size_t showers, const float* energy, const float* theta) const {
    for (std::size_t i = 0; i < showers; ++i) {
        check_inside("energy in GeV", energy[i], model_->energy_low, model_->energy_high);
        check_inside("theta in rad", theta[i], model_->theta_low, model_->theta_high);
    }
}

void ShowerMaker::check_phi(std::size_t showers, const float* phi) const {
    if (phi == nullptr) return;
    const bool square = model_->image_x == model_->image_y;
    for (std::size_t i = 0; i < showers; ++i) {
        check_inside("phi in rad", phi[i], -full_turn, full_turn);
        if (model_->inclined && !square && std::fabs(std::cos(phi[i])) > straight_cosine)
            throw Error(CALOFORGE_OUT_OF_RANGE, "the model's image is not square: its showers lean along y");
    }
}

void ShowerMaker::make(std::uint64_t seed, std::uint64_t first, std::size_t showers,
                       const float* energy, const float* theta, HitBuffer& hits,
                       const float* impact, const float* phi) {
    check(showers, energy, theta);
    check_phi(showers, phi);
    hits.start(showers);
    for (std::size_t done = 0; done < showers; done += lanes) {
        const int count = static_cast<int>(std::min<std::size_t>(lanes, showers - done));
        maker_->make(seed, first + done, count, energy + done, theta + done,
                     impact == nullptr ? nullptr : impact + 2 * done,
                     phi == nullptr ? nullptr : phi + done, hits);
    }
}

void ShowerMaker::trace(int showers, const float* energy, const float* theta, const float* phi,
                        const Trace& trace) {
    check(static_cast<std::size_t>(showers), energy, theta);
    check_phi(static_cast<std::size_t>(showers), phi);
    maker_->trace(showers, energy, theta, phi, trace);
}

}  // namespace caloforge
