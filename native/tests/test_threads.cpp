// Showers from any threads, batches and instruction sets are the same; for the sanitizers too.
#include <cstring>
#include <thread>
#include <vector>

#include "caloforge.h"
#include "checks.hpp"

namespace {

struct Hits {
    std::vector<std::int64_t> offsets;
    std::vector<std::uint32_t> cell;
    std::vector<float> energy;
};

Hits make(const caloforge_sampler* sampler, const char* set, std::size_t first, std::size_t count,
          const std::vector<float>& energy, const std::vector<float>& theta) {
    char message[CALOFORGE_MESSAGE];
    caloforge_shower_maker* maker = caloforge_maker_new(sampler);
    CHECK(maker != nullptr && caloforge_maker_use(maker, set) == CALOFORGE_OK);
    caloforge_hits hits;
    CHECK(caloforge_make(maker, 7, first, count, energy.data() + first, theta.data() + first, &hits,
                         message, sizeof message) == CALOFORGE_OK);
    Hits copy{{hits.offsets, hits.offsets + count + 1},
              {hits.cell, hits.cell + hits.offsets[count]},
              {hits.energy, hits.energy + hits.offsets[count]}};
    caloforge_maker_free(maker);
    return copy;
}

}  // namespace

int main(int count, char** words) {
    constexpr std::size_t showers = 40, part = 10;
    const std::string bytes = bytes_of(count, words);
    char message[CALOFORGE_MESSAGE];
    caloforge_sampler* sampler;
    CHECK(caloforge_open_bytes(bytes.data(), bytes.size() / 2, &sampler, message, sizeof message) !=
          CALOFORGE_OK);
    CHECK(sampler == nullptr && message[0] != 0);
    CHECK(caloforge_open_bytes(bytes.data(), bytes.size(), &sampler, message, sizeof message) ==
          CALOFORGE_OK);
    const caloforge::Sampler described(bytes);
    std::vector<float> energy(showers), theta(showers);
    for (std::size_t i = 0; i < showers; ++i) {
        const double place = double(i) / (showers - 1);
        const caloforge::Model& model = described.model;
        energy[i] = float(model.energy_low * (1 - place) + model.energy_high * place);
        theta[i] = float(model.theta_low * (1 - place) + model.theta_high * place);
    }
    const Hits whole = make(sampler, "portable", 0, showers, energy, theta);
    CHECK(!whole.cell.empty());
    for (const std::string& set : caloforge::instruction_sets()) {
        std::vector<Hits> parts(showers / part);
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < parts.size(); ++i)
            threads.emplace_back([&, i] {
                parts[i] = make(sampler, set.c_str(), i * part, part, energy, theta);
            });
        for (std::thread& thread : threads) thread.join();
        std::size_t at = 0;
        for (const Hits& made : parts)
            for (std::size_t hit = 0; hit < made.cell.size(); ++hit, ++at) {
                CHECK(made.cell[hit] == whole.cell[at]);
                CHECK(std::memcmp(&made.energy[hit], &whole.energy[at], 4) == 0);
            }
        CHECK(at == whole.cell.size());
    }
    float wrong = 1e6f;
    caloforge_shower_maker* maker = caloforge_maker_new(sampler);
    caloforge_hits hits;
    CHECK(caloforge_make(maker, 0, 0, 1, &wrong, theta.data(), &hits, message, sizeof message) ==
          CALOFORGE_OUT_OF_RANGE);
    CHECK(caloforge_maker_use(maker, "abacus") == CALOFORGE_BAD_INPUT);
    caloforge_maker_free(maker);
    caloforge_close(sampler);
    return 0;
}
