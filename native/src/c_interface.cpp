#include <cstdio>
#include <new>

#include "caloforge.h"
#include "model_file.hpp"
#include "sampler.hpp"

struct caloforge_sampler {
    explicit caloforge_sampler(std::string_view bytes) : sampler(bytes) {}
    caloforge::Sampler sampler;
};

struct caloforge_shower_maker {
    explicit caloforge_shower_maker(const caloforge_sampler& from)
        : sampler(from.sampler), maker(from.sampler) {}
    const caloforge::Sampler& sampler;
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
    } catch (const std::exception&) {
        status = CALOFORGE_NO_MEMORY;
        line = "there is not enough memory";
    }
    if (message != nullptr && size > 0) std::snprintf(message, size, "%s", line);
    return status;
}

}  // namespace

caloforge_status caloforge_open(
    const char* path, caloforge_sampler** sampler, char* message, size_t size) {
    *sampler = nullptr;
    return guarded(message, size, [&] {
        *sampler = new caloforge_sampler(caloforge::read_file(path));
    });
}

caloforge_status caloforge_open_bytes(
    const void* bytes, size_t length, caloforge_sampler** sampler, char* message, size_t size) {
    *sampler = nullptr;
    return guarded(message, size, [&] {
        *sampler = new caloforge_sampler({static_cast<const char*>(bytes), length});
    });
}

void caloforge_close(caloforge_sampler* sampler) { delete sampler; }

void caloforge_shape(const caloforge_sampler* sampler, uint32_t shape[3]) {
    const caloforge::Model& model = sampler->sampler.model;
    shape[0] = static_cast<uint32_t>(model.image_x);
    shape[1] = static_cast<uint32_t>(model.image_y);
    shape[2] = static_cast<uint32_t>(model.layers);
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
    guarded(nullptr, 0, [&] { maker = new caloforge_shower_maker(*sampler); });
    return maker;
}

void caloforge_maker_free(caloforge_shower_maker* maker) { delete maker; }

caloforge_status caloforge_maker_use(caloforge_shower_maker* maker, const char* instruction_set) {
    return guarded(nullptr, 0, [&] {
        maker->maker = caloforge::ShowerMaker(maker->sampler, instruction_set);
    });
}

caloforge_status caloforge_make(
    caloforge_shower_maker* maker, uint64_t seed, uint64_t first, size_t showers,
    const float* energy, const float* theta, caloforge_hits* hits, char* message, size_t size) {
    return guarded(message, size, [&] {
        maker->maker.make(seed, first, showers, energy, theta, maker->hits);
        *hits = {maker->hits.showers, maker->hits.offsets, maker->hits.cell, maker->hits.energy};
    });
}
