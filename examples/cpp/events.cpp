// Events of some electrons on a barrel of twelve flat sides, in threads that share a model.
//
//   events MODEL.onnx THREADS EVENTS SEED
//
// prints what does not depend on the number of threads: particles, hits, mean response, mean time,
// and a digest of all hits.  Particle i of event n has the shower number 16 n + i: whoever makes it
// and when, it has the same hits.
#include <caloforge.hpp>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace {

constexpr unsigned most = 16;            // particles in an event
constexpr double inner_radius = 1500.0;  // mm

struct Sum {
    std::size_t particles = 0, hits = 0;
    double response = 0, time = 0;
    std::uint64_t digest = 0;
};

// FNV-1a of the bytes of some hits.
std::uint64_t digest_of(caloforge::Hits hits, std::uint64_t digest) {
    const auto* byte = reinterpret_cast<const unsigned char*>(hits.begin());
    for (std::size_t i = 0; i < hits.size() * sizeof(caloforge::Hit); ++i)
        digest = (digest ^ byte[i]) * 1099511628211u;
    return digest;
}

double between(std::mt19937_64& random, double low, double high) {
    return low + (high - low) * (static_cast<double>(random() >> 11) * 0x1p-53);
}

// Electrons at angles that the model knows, each on one of the sides.
std::vector<caloforge::Particle> particles_of(const caloforge::Card& card, std::uint64_t number) {
    std::mt19937_64 random(number);
    std::vector<caloforge::Particle> particles;
    for (std::size_t count = 1 + random() % most; count > 0; --count) {
        const double side = 0.5235987755982988 * static_cast<double>(random() % 12);
        const double x = std::cos(side), y = std::sin(side), along = between(random, -1000, 1000);
        const double energy = between(random, card.energy_gev[0], card.energy_gev[1]);
        const double theta = between(random, card.theta_rad[0], card.theta_rad[1]);
        const double into = std::sin(theta), beam = std::cos(theta);
        particles.emplace_back(
            card.particle, static_cast<float>(energy),
            caloforge::Vector3{inner_radius * x, inner_radius * y, along},
            caloforge::Vector3{into * x, into * y, beam}, caloforge::Vector3{x, y, 0},
            caloforge::Vector3{0, 0, 1});
    }
    return particles;
}

Sum event(caloforge::Maker& maker, const caloforge::Card& card, std::uint64_t seed,
          std::uint64_t number) {
    Sum sum;
    sum.digest = 14695981039346656037u;
    const std::vector<caloforge::Particle> particles = particles_of(card, seed + number);
    maker.simulate(seed, most * number, particles.data(), particles.size());
    for (std::size_t i = 0; i < particles.size(); ++i) {
        double energy = 0, time = 0;
        for (const caloforge::Hit& hit : maker.shower(i)) {
            energy += hit.energy;
            time += hit.energy * hit.time;
        }
        sum.digest = digest_of(maker.shower(i), sum.digest);
        sum.hits += maker.shower(i).size();
        sum.response += energy / particles[i].energy;
        sum.time += energy > 0 ? time / energy : 0;
    }
    sum.particles = particles.size();
    return sum;
}

int run(char** words) {
    const caloforge::Model model(words[1]);
    const caloforge::Card card = model.card();
    const int threads = std::atoi(words[2]);
    std::vector<Sum> events(std::strtoul(words[3], nullptr, 10));
    const std::uint64_t seed = std::strtoull(words[4], nullptr, 10);
    model.check_particle(particles_of(card, seed).front());
    std::atomic<std::size_t> next{0};
    std::vector<std::thread> workers;
    for (int worker = 0; worker < threads; ++worker)
        workers.emplace_back([&] {
            caloforge::Maker maker(model);
            for (std::size_t i = next++; i < events.size(); i = next++)
                events[i] = event(maker, card, seed, i);
        });
    for (std::thread& worker : workers) worker.join();
    Sum all;
    for (const Sum& sum : events) {
        all.particles += sum.particles;
        all.hits += sum.hits;
        all.response += sum.response;
        all.time += sum.time;
        all.digest = (all.digest ^ sum.digest) * 1099511628211u;
    }
    const auto particles = static_cast<double>(all.particles);
    std::printf("%zu particles, %zu hits, response %.6f, %.4f ns, digest %016llx\n", all.particles,
                all.hits, all.response / particles, all.time / particles,
                static_cast<unsigned long long>(all.digest));
    return 0;
}

}  // namespace

int main(int count, char** words) {
    if (count != 5) {
        std::fputs("usage: events MODEL.onnx THREADS EVENTS SEED\n", stderr);
        return 2;
    }
    try {
        return run(words);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "events: %s\n", error.what());
        return 1;
    }
}
