#include <algorithm>
#include <cmath>
#include <cstdio>
#include <new>
#include <optional>

#include "caloforge.h"
#include "model_file.hpp"
#include "placement.hpp"
#include "sampler.hpp"

struct caloforge_sampler {
    explicit caloforge_sampler(std::string_view bytes)
        : sampler(bytes), card(caloforge::read_card(bytes, sampler.model)) {
        if (!card.depths_mm.empty()) placer.emplace(card);
    }
    caloforge::Sampler sampler;
    caloforge::Card card;
    std::optional<caloforge::Placer> placer;
};

struct caloforge_shower_maker {
    explicit caloforge_shower_maker(const caloforge_sampler& from)
        : sampler(from), maker(from.sampler) {
        const auto cells = static_cast<std::size_t>(from.sampler.model.cells());
        hits.start(caloforge::lanes);
        hits.reserve(caloforge::lanes * (cells + 2 * caloforge::lanes));
    }
    const caloforge_sampler& sampler;
    caloforge::ShowerMaker maker;
    caloforge::HitBuffer hits;
};

namespace {

// Runs `work`; what it throws becomes a status and a line.
template <class Work>
caloforge_status guarded(char* message, std::size_t size, const Work& work) {
    caloforge_status status = CALOFORGE_OK;
    const char* line = "";
    try {
        work();
    } catch (const caloforge::Error& error) {
        if (message != nullptr && size > 0) std::snprintf(message, size, "%s", error.what());
        return error.status;
    } catch (...) {
        status = CALOFORGE_NO_MEMORY;
        line = "there is not enough memory";
    }
    if (message != nullptr && size > 0) std::snprintf(message, size, "%s", line);
    return status;
}

template <class Value>
void must_be(const Value* pointer, const char* what) {
    if (pointer == nullptr)
        throw caloforge::Error(CALOFORGE_BAD_INPUT, std::string(what) + " is a null pointer");
}

// How a particle enters the layers, if the model has showers of it.
caloforge::Entry entry_of(const caloforge_sampler& sampler, const caloforge_particle& particle) {
    must_be(particle.particle, "the particle's name");
    sampler.card.check_particle(particle.particle);
    sampler.card.check_placement();
    const caloforge::Model& model = sampler.sampler.model;
    const bool square = model.image_x == model.image_y &&
                        sampler.card.pitch_mm[0] == sampler.card.pitch_mm[1];
    const caloforge::Entry entry(particle, model.inclined && square);
    sampler.card.check_range(particle.energy, entry.theta);
    return entry;
}

// As many showers as there are lanes, placed where there is room, on the pads of which `pad` is one if
// there is any; returns how many hits they are.
std::size_t simulate_lanes(
    caloforge_shower_maker& maker, std::uint64_t seed, std::uint64_t first, int showers,
    const caloforge_particle* particles, const double* pad, caloforge_hit* hits, std::size_t room,
    std::size_t* offsets) {
    caloforge::Entry entries[caloforge::lanes];
    caloforge::Place entered[caloforge::lanes];
    float energy[caloforge::lanes] = {}, theta[caloforge::lanes] = {}, phi[caloforge::lanes] = {};
    float impact[2 * caloforge::lanes] = {};
    const caloforge::Placer& placer = *maker.sampler.placer;
    for (int i = 0; i < showers; ++i) {
        entries[i] = entry_of(maker.sampler, particles[i]);
        energy[i] = particles[i].energy;
        theta[i] = static_cast<float>(entries[i].theta);
        phi[i] = static_cast<float>(entries[i].phi);
        if (pad == nullptr) continue;
        entered[i] = placer.in_pad(entries[i], {pad[0], pad[1], pad[2]});
        const std::array<float, 2> pads = placer.pads(entered[i]);
        std::copy(pads.begin(), pads.end(), impact + 2 * i);
    }
    const caloforge::HitBuffer& made = maker.hits;
    maker.maker.make(seed, first, static_cast<std::size_t>(showers), energy, theta, maker.hits,
                     pad == nullptr ? nullptr : impact, phi);
    for (int i = 0; i < showers; ++i) {
        const auto begin = static_cast<std::size_t>(made.offsets[i]);
        const auto end = static_cast<std::size_t>(made.offsets[i + 1]);
        const std::uint32_t* cell = made.cell + begin;
        if (end <= room && pad == nullptr)
            placer.place(entries[i], end - begin, cell, made.energy + begin, hits + begin);
        else if (end <= room)
            placer.place_on_pads(
                entries[i], entered[i], end - begin, cell, made.energy + begin, hits + begin);
        offsets[i + 1] = offsets[0] + end;
    }
    return made.hits;
}

}  // namespace

caloforge_status caloforge_open(
    const char* path, caloforge_sampler** sampler, char* message, size_t size) {
    return guarded(message, size, [&] {
        must_be(sampler, "sampler");
        *sampler = nullptr;
        must_be(path, "path");
        try {
            *sampler = new caloforge_sampler(caloforge::read_file(path));
        } catch (const caloforge::Error& error) {
            throw caloforge::Error(error.status, std::string(path) + ": " + error.what());
        }
    });
}

caloforge_status caloforge_open_bytes(
    const void* bytes, size_t length, caloforge_sampler** sampler, char* message, size_t size) {
    return guarded(message, size, [&] {
        must_be(sampler, "sampler");
        *sampler = nullptr;
        must_be(bytes, "bytes");
        *sampler = new caloforge_sampler({static_cast<const char*>(bytes), length});
    });
}

void caloforge_close(caloforge_sampler* sampler) { delete sampler; }

caloforge_status caloforge_describe(
    const caloforge_sampler* sampler, caloforge_card* card, char* message, size_t size) {
    return guarded(message, size, [&] {
        must_be(sampler, "sampler");
        must_be(card, "card");
        const caloforge::Card& from = sampler->card;
        *card = {from.name.c_str(), from.detector.c_str(), from.detector_digest.c_str(),
                 from.particle.c_str(), {from.energy_gev.low, from.energy_gev.high},
                 {from.theta_rad.low, from.theta_rad.high}, {},
                 static_cast<size_t>(sampler->sampler.model.cells())};
        caloforge_shape(sampler, card->cells);
    });
}

caloforge_status caloforge_check_detector(
    const caloforge_sampler* sampler, const char* detector, char* message, size_t size) {
    return guarded(message, size, [&] {
        must_be(sampler, "sampler");
        must_be(detector, "detector");
        sampler->card.check_detector(detector);
    });
}

caloforge_status caloforge_check_particle(
    const caloforge_sampler* sampler, const caloforge_particle* particle, char* message,
    size_t size) {
    return guarded(message, size, [&] {
        must_be(sampler, "sampler");
        must_be(particle, "particle");
        entry_of(*sampler, *particle);
    });
}

void caloforge_shape(const caloforge_sampler* sampler, uint32_t shape[3]) {
    if (sampler == nullptr || shape == nullptr) return;
    for (int axis = 0; axis < 3; ++axis)
        shape[axis] = static_cast<uint32_t>(sampler->card.shape[axis]);
}

const char* caloforge_instruction_sets(void) {
    static const std::string names = [] {
        std::string joined;
        for (const std::string& name : caloforge::instruction_sets())
            joined += (joined.empty() ? "" : " ") + name;
        return joined;
    }();
    return names.c_str();
}

caloforge_shower_maker* caloforge_maker_new(const caloforge_sampler* sampler) {
    caloforge_shower_maker* maker = nullptr;
    guarded(nullptr, 0, [&] {
        must_be(sampler, "sampler");
        maker = new caloforge_shower_maker(*sampler);
    });
    return maker;
}

void caloforge_maker_free(caloforge_shower_maker* maker) { delete maker; }

caloforge_status caloforge_maker_use(caloforge_shower_maker* maker, const char* instruction_set) {
    return guarded(nullptr, 0, [&] {
        must_be(maker, "maker");
        must_be(instruction_set, "instruction_set");
        maker->maker = caloforge::ShowerMaker(maker->sampler.sampler, instruction_set);
    });
}

caloforge_status caloforge_simulate(
    caloforge_shower_maker* maker, uint64_t seed, uint64_t first, size_t showers,
    const caloforge_particle* particles, caloforge_hit* hits, size_t room, size_t* offsets,
    char* message, size_t size) {
    return caloforge_simulate_on_pads(
        maker, seed, first, showers, particles, nullptr, hits, room, offsets, message, size);
}

caloforge_status caloforge_simulate_on_pads(
    caloforge_shower_maker* maker, uint64_t seed, uint64_t first, size_t showers,
    const caloforge_particle* particles, const double* pad, caloforge_hit* hits, size_t room,
    size_t* offsets, char* message, size_t size) {
    return guarded(message, size, [&] {
        must_be(maker, "maker");
        must_be(particles, "particles");
        must_be(hits, "hits");
        must_be(offsets, "offsets");
        std::fill(offsets, offsets + showers + 1, 0);
        for (size_t i = 0; i < showers; ++i) entry_of(maker->sampler, particles[i]);
        for (int axis = 0; pad != nullptr && axis < 3; ++axis)
            if (!std::isfinite(pad[axis]))
                throw caloforge::Error(CALOFORGE_BAD_INPUT, "pad must be finite");
        size_t there = 0;
        for (size_t done = 0; done < showers; done += caloforge::lanes) {
            const size_t count = std::min<size_t>(caloforge::lanes, showers - done);
            const size_t begin = std::min(there, room);
            there += simulate_lanes(
                *maker, seed, first + done, static_cast<int>(count), particles + done, pad,
                hits + begin, room - begin, offsets + done);
        }
        if (there > room)
            throw caloforge::Error(
                CALOFORGE_TOO_SMALL, "the buffer has room for " + std::to_string(room) + " hits, " +
                "the showers have " + std::to_string(there));
    });
}

caloforge_status caloforge_make(
    caloforge_shower_maker* maker, uint64_t seed, uint64_t first, size_t showers,
    const float* energy, const float* theta, caloforge_hits* hits, char* message, size_t size) {
    return guarded(message, size, [&] {
        must_be(maker, "maker");
        must_be(energy, "energy");
        must_be(theta, "theta");
        must_be(hits, "hits");
        maker->maker.make(seed, first, showers, energy, theta, maker->hits);
        *hits = {maker->hits.showers, maker->hits.offsets, maker->hits.cell, maker->hits.energy};
    });
}
