// Showers in space: whatever is wrong is a status and a line, and a call allocates nothing.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <vector>

#include "caloforge.h"
#include "card.hpp"
#include "checks.hpp"
#include "json.hpp"

namespace {

std::size_t allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

struct Host {
    explicit Host(const std::string& bytes) {
        CHECK(caloforge_open_bytes(bytes.data(), bytes.size(), &sampler, message, sizeof message) ==
              CALOFORGE_OK);
        CHECK(caloforge_describe(sampler, &card, message, sizeof message) == CALOFORGE_OK);
        maker = caloforge_maker_new(sampler);
        CHECK(maker != nullptr);
        hits.resize(card.most_hits);
    }
    ~Host() {
        caloforge_maker_free(maker);
        caloforge_close(sampler);
    }

    caloforge_particle particle() const {
        const double middle = std::sqrt(card.energy_gev[0] * card.energy_gev[1]);
        return {card.particle, float(middle), {10, 20, 1500}, {0, 0, 1}, {0, 0, 0}, {0, 0, 0}};
    }

    caloforge_status simulate(const caloforge_particle& particle, std::uint64_t number = 0) {
        return caloforge_simulate(maker, 7, number, 1, &particle, hits.data(), hits.size(), offsets,
                                  message, sizeof message);
    }

    // Refused by the check and the making alike, with a line that names it, and without hits.
    void refuses(const caloforge_particle& particle, caloforge_status status, const char* line) {
        offsets[1] = 1;
        CHECK(simulate(particle) == status);
        CHECK(offsets[1] == 0 && std::strstr(message, line) && !std::strchr(message, '\n'));
        CHECK(caloforge_check_particle(sampler, &particle, message, sizeof message) == status);
        CHECK(std::strstr(message, line));
    }

    caloforge_sampler* sampler = nullptr;
    caloforge_shower_maker* maker = nullptr;
    caloforge_card card{};
    std::vector<caloforge_hit> hits;
    std::size_t offsets[2] = {};
    char message[CALOFORGE_MESSAGE];
};

bool is_inclined(const Host& host) { return host.card.theta_rad[0] < host.card.theta_rad[1]; }

void wrong_particles_are_refused(Host& host) {
    const caloforge_particle right = host.particle();
    auto wrong = right;
    wrong.particle = "pi+";
    host.refuses(wrong, CALOFORGE_OTHER, "makes showers of e-, not of pi+");
    wrong.particle = nullptr;
    host.refuses(wrong, CALOFORGE_BAD_INPUT, "null pointer");
    const float nan = std::numeric_limits<float>::quiet_NaN();
    for (const float energy : {0.5f, 501.0f, -50.0f, nan, 0.0f}) {
        wrong = right;
        wrong.energy = energy;
        host.refuses(wrong, CALOFORGE_OUT_OF_RANGE, "GeV is outside the model's range");
    }
    const double infinite = std::numeric_limits<double>::infinity();
    struct {
        double direction[3], normal[3], pad_y[3];
        caloforge_status status;
        const char* line;
    } cases[] = {
        {{0, 0, 0}, {}, {}, CALOFORGE_BAD_INPUT, "direction must have a length"},
        {{0, infinite, 0}, {}, {}, CALOFORGE_BAD_INPUT, "direction must be finite"},
        {{0, 0, -1}, {0, 0, 1}, {}, CALOFORGE_BAD_INPUT, "direction must lead into the layers"},
        {{0, 1, 0}, {0, 0, 1}, {}, CALOFORGE_BAD_INPUT, "direction must lead into the layers"},
        {{0, 0, 1}, {nan, 0, 1}, {}, CALOFORGE_BAD_INPUT, "normal must be finite"},
        {{0, 0, 1}, {}, {0, 0, 3}, CALOFORGE_BAD_INPUT, "pad_y must not be the layers' normal"},
        {{0.1, 0, 1}, {0, 0, 1}, {0, 1, 0}, CALOFORGE_BAD_INPUT, "there is no other angle"},
        {{0, 1, 1}, {0, 0, 1}, {}, CALOFORGE_OUT_OF_RANGE, "theta 45 degrees is outside"},
    };
    for (const auto& each : cases) {
        if (is_inclined(host) && std::strstr(each.line, "no other angle")) continue;
        wrong = right;
        std::copy_n(each.direction, 3, wrong.direction);
        std::copy_n(each.normal, 3, wrong.normal);
        std::copy_n(each.pad_y, 3, wrong.pad_y);
        host.refuses(wrong, each.status, each.line);
    }
    wrong = right;
    wrong.impact[1] = nan;
    host.refuses(wrong, CALOFORGE_BAD_INPUT, "impact must be finite");
}

void null_pointers_are_refused(Host& host) {
    const caloforge_particle right = host.particle();
    char* message = host.message;
    constexpr std::size_t size = CALOFORGE_MESSAGE;
    caloforge_sampler* sampler;
    const auto simulate = [&](caloforge_shower_maker* maker, const caloforge_particle* particle,
                              caloforge_hit* hits, std::size_t* offsets) {
        return caloforge_simulate(maker, 7, 0, 1, particle, hits, 10, offsets, message, size);
    };
    const caloforge_status all[] = {
        caloforge_open(nullptr, &sampler, message, size),
        caloforge_open("x", nullptr, message, size),
        caloforge_open_bytes(nullptr, 9, &sampler, message, size),
        caloforge_describe(nullptr, &host.card, message, size),
        caloforge_describe(host.sampler, nullptr, message, size),
        caloforge_check_detector(host.sampler, nullptr, message, size),
        caloforge_check_particle(host.sampler, nullptr, message, size),
        simulate(nullptr, &right, host.hits.data(), host.offsets),
        simulate(host.maker, nullptr, host.hits.data(), host.offsets),
        simulate(host.maker, &right, nullptr, host.offsets),
        simulate(host.maker, &right, host.hits.data(), nullptr),
        caloforge_make(host.maker, 7, 0, 1, nullptr, nullptr, nullptr, message, size),
        caloforge_maker_use(host.maker, nullptr),
    };
    for (const caloforge_status status : all) CHECK(status == CALOFORGE_BAD_INPUT);
    CHECK(caloforge_maker_new(nullptr) == nullptr);
    CHECK(simulate(host.maker, &right, nullptr, host.offsets) == CALOFORGE_BAD_INPUT);
    CHECK(std::strcmp(message, "hits is a null pointer") == 0);
    CHECK(caloforge_open("x.onnx", &sampler, nullptr, 0) == CALOFORGE_UNREADABLE);
    CHECK(caloforge_open("x.onnx", &sampler, message, size) == CALOFORGE_UNREADABLE);
    CHECK(std::strcmp(message, "x.onnx: no file that can be read") == 0);
}

void a_small_buffer_is_refused(Host& host) {
    const caloforge_particle right = host.particle();
    CHECK(host.simulate(right) == CALOFORGE_OK && host.offsets[1] > 10);
    const std::vector<caloforge_hit> whole(host.hits.begin(), host.hits.begin() + long(host.offsets[1]));
    std::vector<caloforge_hit> small(host.offsets[1] - 1);
    for (const std::size_t room : {small.size(), std::size_t{1}, std::size_t{0}}) {
        CHECK(caloforge_simulate(host.maker, 7, 0, 1, &right, small.data(), room, host.offsets,
                                 host.message, CALOFORGE_MESSAGE) == CALOFORGE_TOO_SMALL);
        CHECK(host.offsets[1] == whole.size() && std::strstr(host.message, "the buffer has room"));
    }
    std::vector<caloforge_hit> enough(whole.size());
    CHECK(caloforge_simulate(host.maker, 7, 0, 1, &right, enough.data(), enough.size(),
                             host.offsets, host.message, CALOFORGE_MESSAGE) == CALOFORGE_OK);
    CHECK(std::memcmp(enough.data(), whole.data(), whole.size() * sizeof whole[0]) == 0);
}

// Also 40 showers in one call against one by one.
void calls_allocate_nothing(Host& host) {
    constexpr std::size_t showers = 40;
    const std::vector<caloforge_particle> particles(showers, host.particle());
    std::vector<std::size_t> offsets(showers + 1);
    std::vector<caloforge_hit> hits(40 * 4000);
    const std::size_t before = allocations;
    CHECK(caloforge_simulate(host.maker, 7, 0, showers, particles.data(), hits.data(), hits.size(),
                             offsets.data(), host.message, CALOFORGE_MESSAGE) == CALOFORGE_OK);
    for (std::size_t i = 0; i < showers; ++i) {
        CHECK(host.simulate(particles[i], i) == CALOFORGE_OK);
        CHECK(host.offsets[1] == offsets[i + 1] - offsets[i]);
        CHECK(std::memcmp(host.hits.data(), &hits[offsets[i]],
                          host.offsets[1] * sizeof(caloforge_hit)) == 0);
    }
    CHECK(allocations == before);
}

// Whole pads from it, and where the particle flies: 5.1 mm pads, and the image half a pad off at most.
void hits_lie_in_the_pads_that_stand_still(Host& host, double lean_x, double lean_y) {
    constexpr double pitch = 5.1, near_by = 1e-3;
    const double pad[3] = {0.7, -1.9, 1500};
    caloforge_particle particle = host.particle();
    particle.direction[0] = lean_x, particle.direction[1] = lean_y;
    particle.normal[2] = particle.pad_y[1] = 1;
    for (int number = 0; number < 20; ++number) {
        particle.impact[0] = 10 + 0.5 * number;
        const std::size_t before = allocations;
        CHECK(caloforge_simulate_on_pads(
                  host.maker, 7, number, 1, &particle, pad, host.hits.data(), host.hits.size(),
                  host.offsets, host.message, CALOFORGE_MESSAGE) == CALOFORGE_OK);
        CHECK(allocations == before && host.offsets[1] > 10);
        double sum = 0, away_x = 0, away_y = 0;
        for (std::size_t i = 0; i < host.offsets[1]; ++i) {
            const caloforge_hit& hit = host.hits[i];
            const double x = (hit.x - pad[0]) / pitch, y = (hit.y - pad[1]) / pitch;
            CHECK(std::abs(x - std::rint(x)) < near_by && std::abs(y - std::rint(y)) < near_by);
            const double depth = hit.z - particle.impact[2];
            sum += hit.energy;
            away_x += hit.energy * (hit.x - particle.impact[0] - depth * lean_x);
            away_y += hit.energy * (hit.y - particle.impact[1] - depth * lean_y);
        }
        CHECK(std::abs(away_x / sum) <= pitch / 2 + near_by);
        CHECK(std::abs(away_y / sum) <= pitch / 2 + near_by);
    }
    const double nowhere[3] = {0, std::numeric_limits<double>::infinity(), 0};
    CHECK(caloforge_simulate_on_pads(
              host.maker, 7, 0, 1, &particle, nowhere, host.hits.data(), host.hits.size(),
              host.offsets, host.message, CALOFORGE_MESSAGE) == CALOFORGE_BAD_INPUT);
    CHECK(host.offsets[1] == 0 && std::strcmp(host.message, "pad must be finite") == 0);
}

void damaged_cards_are_refused(const std::string& bytes) {
    const char* changes[][3] = {
        {"{\"schema_version\":", "[\"schema_version\":", "damaged: it is no JSON"},
        {"\"name\":", "\"nome\":", "damaged: name"},
        {"\"particle\":", "\"purticle\":", "damaged: particle"},
        {"\"energy_range_gev\":[", "\"energy_range_gev\":-", "damaged: it is no JSON"},
        {"\"layer_depths_mm\":", "\"layer_depths_cm\":", "damaged: placement.layer_depths_mm"},
        {"\"pitch\":[5.1", "\"pitch\":[-51", "damaged: placement.pitch"},
        {"\"placement\":", "\"plocement\":", ""},
    };
    for (const auto& change : changes) {
        std::string changed = bytes;
        const std::size_t place = changed.find(change[0], changed.find("{\"schema_version\""));
        CHECK(place != changed.npos);
        changed.replace(place, std::strlen(change[1]), change[1]);
        caloforge_sampler* sampler;
        char message[CALOFORGE_MESSAGE];
        const caloforge_status status = caloforge_open_bytes(
            changed.data(), changed.size(), &sampler, message, sizeof message);
        if (change[2][0] != 0) {
            CHECK(status == CALOFORGE_NOT_A_MODEL && sampler == nullptr);
            CHECK(std::strstr(message, change[2]));
            continue;
        }
        Host older(changed);  // makes showers, but has no place for them
        older.refuses(older.particle(), CALOFORGE_NO_PLACEMENT, "does not say where pads are");
        caloforge_close(sampler);
    }
}

void json_is_read() {
    for (const char* text : {"", "{", "[1", "\"a", "\"\\u00", "{\"a\":}", "[1 2]", "1 2", "[1.2.3]", "-"}) {
        bool refused = false;
        try {
            caloforge::Json::parse(text);
        } catch (const caloforge::Error&) {
            refused = true;
        }
        CHECK(refused);
    }
    const auto json = caloforge::Json::parse(
        " {\"a\": {\"b\": [1.5, -2e1], \"c\": \"x\\n\\\"\\u00e9\\\\\"}, \"d\": [true, null], \"e\": {}}");
    CHECK((json.numbers("a.b", 2) == std::vector<double>{1.5, -20}));
    CHECK(json.text("a.c") == "x\n\"?\\");
    CHECK(json.find("a.x.y") == nullptr && json.find("e") != nullptr);
}

}  // namespace

int main(int count, char** words) {
    const std::string bytes = bytes_of(count, words);
    Host host(bytes);
    CHECK(caloforge_check_detector(host.sampler, host.card.detector, nullptr, 0) == CALOFORGE_OK);
    CHECK(caloforge_check_detector(host.sampler, "other", nullptr, 0) == CALOFORGE_OTHER);
    wrong_particles_are_refused(host);
    null_pointers_are_refused(host);
    a_small_buffer_is_refused(host);
    calls_allocate_nothing(host);
    if (is_inclined(host))
        for (const auto& lean : std::vector<std::array<double, 2>>{
                 {0, 0.3}, {0.3, 0}, {-0.4, 0}, {0.2, 0.25}, {-0.3, 0.1}, {0.1, -0.4}})
            hits_lie_in_the_pads_that_stand_still(host, lean[0], lean[1]);
    else
        hits_lie_in_the_pads_that_stand_still(host, 0, 0);
    damaged_cards_are_refused(bytes);
    json_is_read();
    return 0;
}
