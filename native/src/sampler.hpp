// A model and the instruction sets that this machine can run it in.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "maker.hpp"
#include "model.hpp"

namespace caloforge {

class Sampler {
  public:
    explicit Sampler(std::string_view bytes) : model(read_model(bytes)) {}
    const Model model;
};

// The bytes of a file; throws Error.
std::string read_file(const std::string& path);

// Names of the instruction sets that this machine can run, best first.
const std::vector<std::string>& instruction_sets();

// Makes showers in one thread.
class ShowerMaker {
  public:
    // `set` empty: the best of this machine.
    explicit ShowerMaker(const Sampler& sampler, const std::string& set = "");

    // Makes the showers first ... first + showers - 1 of a seed, `impact` and `phi` as of Maker; throws
    // Error.
    void make(std::uint64_t seed, std::uint64_t first, std::size_t showers, const float* energy,
              const float* theta, HitBuffer& hits, const float* impact = nullptr,
              const float* phi = nullptr);
    // As Trace says, for up to `lanes` showers.
    void trace(int showers, const float* energy, const float* theta, const float* phi,
               const Trace& trace);

  private:
    void check(std::size_t showers, const float* energy, const float* theta) const;
    void check_phi(std::size_t showers, const float* phi) const;

    const Model* model_;
    std::unique_ptr<Maker> maker_;
};

}  // namespace caloforge
