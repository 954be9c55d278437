// Mutated model files are refused, or make some showers: never a crash.  fuzz MODEL.onnx [COUNT]
#include <random>

#include "card.hpp"
#include "checks.hpp"

using namespace caloforge;

int main(int count, char** words) {
    const std::string bytes = bytes_of(count, words);
    const int files = count > 2 ? std::atoi(words[2]) : 100;
    const std::size_t described = bytes.find("caloforge.tables");
    const std::size_t card = bytes.find("{\"schema_version\"");
    std::mt19937_64 random(1);
    int made = 0;
    for (int file = 0; file < files; ++file) {
        std::string changed = bytes;
        for (int change = 0; change <= int(random() % 8); ++change) {
            std::size_t place = random() % changed.size();
            if (random() % 4 == 0) place = (described + random() % 600) % changed.size();
            if (random() % 16 == 0) place = (card + random() % 5500) % changed.size();
            changed[place] = char(random());
        }
        if (random() % 10 == 0) changed.resize(random() % changed.size());
        try {
            const Sampler sampler(changed);
            read_card(changed, sampler.model);
            const auto energy = float(0.5 * (sampler.model.energy_low + sampler.model.energy_high));
            const auto theta = float(0.5 * (sampler.model.theta_low + sampler.model.theta_high));
            const std::vector<float> energies(lanes + 1, energy), thetas(lanes + 1, theta);
            const std::size_t showers = random() % 2 ? lanes + 1 : 1;  // a group and one, or one
            for (const std::string& set : instruction_sets()) {
                HitBuffer hits;
                ShowerMaker(sampler, set)
                    .make(std::uint64_t(file), 0, showers, energies.data(), thetas.data(), hits);
            }
            ++made;
        } catch (const Error& error) {
            CHECK(std::string(error.what()).find('\n') == std::string::npos);
        }
    }
    std::printf("%d files: %d made showers, %d were refused\n", files, made, files - made);
    return 0;
}
