// caloforge for C++17: what caloforge.h has, as objects that clean up and throw what went wrong.
//
//     const caloforge::Model model("clic_ecal_fixed.onnx");
//     caloforge::Maker maker(model);  // one for each thread
//     const caloforge::Particle electron("e-", 50.0f, {0, 0, 1500}, {0, 0, 1});
//     for (const caloforge::Hit& hit : maker.simulate(42, 0, electron)) ...
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "caloforge.h"

namespace caloforge {
inline namespace v0 {

using Card = caloforge_card;
using Hit = caloforge_hit;
using Vector3 = std::array<double, 3>;

struct Error : std::runtime_error {
    Error(caloforge_status status_, const std::string& line)
        : std::runtime_error(line), status(status_) {}
    caloforge_status status;
};

// Calls a function with a message behind its arguments; throws what is not OK.
template <class Function, class... Arguments>
void checked(Function function, Arguments... arguments) {
    char message[CALOFORGE_MESSAGE];
    const caloforge_status status = function(arguments..., message, sizeof message);
    if (status != CALOFORGE_OK) throw Error(status, message);
}

// `name` is Geant4's and must outlive the particle; the others as of caloforge_particle.
struct Particle : caloforge_particle {
    Particle(const char* name, float energy_gev, Vector3 impact_mm, Vector3 flight,
             Vector3 layers_normal = {}, Vector3 pads_y = {})
        : caloforge_particle{name, energy_gev,
                             {impact_mm[0], impact_mm[1], impact_mm[2]},
                             {flight[0], flight[1], flight[2]},
                             {layers_normal[0], layers_normal[1], layers_normal[2]},
                             {pads_y[0], pads_y[1], pads_y[2]}} {}
};

// A model file; any number of threads may use it.
class Model {
  public:
    explicit Model(const std::string& path) : sampler_(open(path), caloforge_close) {}

    Card card() const {
        Card card;
        checked(caloforge_describe, get(), &card);
        return card;
    }
    void check_detector(const std::string& name) const {
        checked(caloforge_check_detector, get(), name.c_str());
    }
    void check_particle(const caloforge_particle& particle) const {
        checked(caloforge_check_particle, get(), &particle);
    }
    const caloforge_sampler* get() const { return sampler_.get(); }

  private:
    static caloforge_sampler* open(const std::string& path) {
        caloforge_sampler* sampler = nullptr;
        checked(caloforge_open, path.c_str(), &sampler);
        return sampler;
    }
    std::unique_ptr<caloforge_sampler, decltype(&caloforge_close)> sampler_;
};

// Hits in a maker's memory, valid until it is used again.
struct Hits {
    const Hit *first, *last;
    const Hit* begin() const { return first; }
    const Hit* end() const { return last; }
    std::size_t size() const { return static_cast<std::size_t>(last - first); }
};

// Makes showers in one thread, in memory that is there from the start.  The model must outlive it.
class Maker {
  public:
    explicit Maker(const Model& model)
        : maker_(caloforge_maker_new(model.get()), caloforge_maker_free),
          hits_(model.card().most_hits), offsets_(2) {
        if (maker_ == nullptr) throw std::bad_alloc();
    }

    // Shower `number` of a seed; `pad`: middle of any pad, as of caloforge_simulate_on_pads.
    Hits simulate(std::uint64_t seed, std::uint64_t number, const caloforge_particle& particle,
                  const Vector3* pad = nullptr) {
        simulate(seed, number, &particle, 1, pad);
        return shower(0);
    }

    // Showers first ... first + count - 1 of a seed; their memory grows where it must.
    void simulate(std::uint64_t seed, std::uint64_t first, const caloforge_particle* particles,
                  std::size_t count, const Vector3* pad = nullptr) {
        if (offsets_.size() < count + 1) offsets_.resize(count + 1);
        char message[CALOFORGE_MESSAGE];
        caloforge_status status;
        do {
            if (offsets_[count] > hits_.size()) hits_.resize(offsets_[count]);
            status = caloforge_simulate_on_pads(
                maker_.get(), seed, first, count, particles, pad == nullptr ? nullptr : pad->data(),
                hits_.data(), hits_.size(), offsets_.data(), message, sizeof message);
        } while (status == CALOFORGE_TOO_SMALL);
        if (status != CALOFORGE_OK) throw Error(status, message);
    }

    // Hits of the showers that were made last, counted from 0.
    Hits shower(std::size_t i) const {
        return {hits_.data() + offsets_[i], hits_.data() + offsets_[i + 1]};
    }

  private:
    std::unique_ptr<caloforge_shower_maker, decltype(&caloforge_maker_free)> maker_;
    std::vector<Hit> hits_;
    std::vector<std::size_t> offsets_;
};

}  // namespace v0
}  // namespace caloforge
