// The halo: particles far from the axis, each of which hits one pad or two.
//
//     their number in a layer is Poisson, of mean beside per_gev / (1 + partners);
//     pad by the alias method: the place that was drawn, or the one that takes its rest;
//     deposit by its quantiles; a hit in the next pad follows with probability
//     few + more quantile**16
//
// Layer by layer, up to as many particles as the network has places for.
#pragma once

#include "mathematics.hpp"
#include "noise.hpp"
#include "selection.hpp"
#include "shower.hpp"

CALOFORGE_BEGIN

// Particles expected in each layer.
void set_rates(const Model& model, const Condition& condition, Shower& shower, float* rate) {
    const float partners = model.halo.few + model.halo.more / 17.0f;
    condition.interpolate(model.halo.per_gev.data(), model.layers, rate);
    for (int layer = 0; layer < model.layers; ++layer)
        rate[layer] = shower.beside[layer] * rate[layer] / (1.0f + partners);
}

// Draws the numbers of particles and lists their layers.
void set_particles(const Model& model, const float* rate, Random& random, float* numbers, HaloHits& hits) {
    random.uniform(numbers, 2 * model.layer_lanes);
    std::int32_t* place = hits.cell.data();
    const int layers = model.layers;
    CALOFORGE_LANES
    for (int layer = 0; layer < layers; ++layer) {
        const float mean = square_root(at_least(rate[layer], 0.0f)) * poisson_means_per_root;
        const int row = static_cast<int>(
            clamped(mean + numbers[2 * layer], 0.0f, poisson_means - 1.0f));
        const int column = static_cast<int>(numbers[2 * layer + 1] * poisson_columns);
        place[layer] = row * poisson_columns + column;
    }
    const std::uint16_t* poisson = model.halo.poisson.data();
    int count = 0;
    for (int layer = 0; layer < model.layers; ++layer) {
        const int end = count + smaller(poisson[place[layer]], model.halo.particles - count);
        do {  // some too many, which the next layer overwrites
            for (int lane = 0; lane < lanes; ++lane) hits.layer[count + lane] = layer;
        } while ((count += lanes) < end);
        count = end;
    }
    hits.count = count;
}

// Whether a pad of the image's plane is in the image and beside the window, whose middle is moved by
// `aside` along x and by `centre` along y.
CALOFORGE_INLINE bool is_beside(const Model& model, float x, float y, float aside, float centre) {
    const float half_x = 0.5f * static_cast<float>(model.image_x - 1);
    const float half_y = 0.5f * static_cast<float>(model.image_y - 1);
    const float from_x = std::fabs(x - half_x), from_y = std::fabs(y - half_y);
    const float sideways = std::fabs(x - half_x - aside), across = std::fabs(y - half_y - centre);
    const bool inside = (from_x <= half_x) & (from_y <= half_y);
    return inside & ((sideways > 0.5f * static_cast<float>(model.window_x - 1)) |
                     (across > 0.5f * static_cast<float>(model.window_y - 1)));
}

// Of a particle's number, the quantile of its deposit, and the rest that decides on a hit in the next
// pad; both from 0 to below one.
CALOFORGE_INLINE float quantile_of_size(std::uint32_t size) {
    return static_cast<float>(static_cast<std::int32_t>(size >> 8)) * 5.9604645e-8f;
}
CALOFORGE_INLINE float rest_of_size(std::uint32_t size) {
    return static_cast<float>(static_cast<std::int32_t>(size & 0x3fffff)) * 2.3841858e-7f;
}

// The chance that a hit follows in the next pad.
CALOFORGE_INLINE float chance_of_next(const Halo& halo, std::uint32_t size) {
    const float quantile = quantile_of_size(size);
    const float two = quantile * quantile, four = two * two, eight = four * four;
    return at_least(halo.few + halo.more * (eight * eight), 1e-6f);
}

// A pad of a shower that leans elsewhere than along y, from one that does: both from the window's middle,
// which is at aside and centre from the image's.
//
// The place in its pad is drawn from the digits of `part`.  What is turned into the window is its mirror
// image instead, or the opposite one, whichever is nearer; and so is what is turned out of the image.
CALOFORGE_INLINE void turn_pad(const Model& model, const Aslant& aslant, float part, float aside,
                               float centre, float& across, float& along) {
    const auto jitter = [part](float turns) {
        const float place = part * turns;
        return (whole((place - whole(place)) * 256.0f) + 0.5f) * 0.00390625f - 0.5f;
    };
    const float half_x = 0.5f * static_cast<float>(model.image_x - 1);
    const float half_y = 0.5f * static_cast<float>(model.image_y - 1);
    const float u = across + jitter(37.0f), v = along + jitter(611.0f);
    const float x = u * aslant.toward_y + v * aslant.toward_x;
    const float y = v * aslant.toward_y - u * aslant.toward_x;
    const float mirror = y * along < x * across ? -1.0f : 1.0f;
    float pad_x = whole(x + (half_x + 0.5f)) - half_x, pad_y = whole(y + (half_y + 0.5f)) - half_y;
    const bool in_window = (std::fabs(pad_x) <= 0.5f * static_cast<float>(model.window_x - 1)) &
                           (std::fabs(pad_y) <= 0.5f * static_cast<float>(model.window_y - 1));
    const bool inside =
        (std::fabs(pad_x + aside) <= half_x) & (std::fabs(pad_y + centre) <= half_y);
    const float from_image = along + (aside * aslant.toward_x + centre * aslant.toward_y);
    const bool would_be = std::fabs(from_image) < half_y + 0.5f, corner = would_be & !inside;
    pad_x = corner ? -mirror * across - aside : pad_x;
    pad_y = corner ? whole(mirror * from_image + (half_y + 0.5f)) - half_y - centre : pad_y;
    pad_y = inside & !would_be ? 2.0f * static_cast<float>(model.image_y) : pad_y;  // nowhere
    across = in_window ? -mirror * across : pad_x;
    along = in_window ? mirror * along : pad_y;
}

// Pads and deposits of all particles side by side, and the chance of what follows.
template <bool inclined, bool turned>
void set_pads(const Model& model, const Condition& condition, Shower& shower) {
    const Halo& halo = model.halo;
    HaloHits& hits = shower.halo;
    const int pads = halo.pads_x * halo.pads_y;
    const float pads_y = static_cast<float>(halo.pads_y), per_row = 1.0f / pads_y;
    const float half = 0.5f * (pads_y - 1.0f);
    const float middle = 0.5f * static_cast<float>(model.image_y - 1);
    const float middle_x = 0.5f * static_cast<float>(model.image_x - 1);
    const float last = static_cast<float>(halo.leans - 1);
    const float lean =
        inclined ? at_most(std::fabs(condition.slope) * (last / model.steepest), last) : 0.0f;
    const float side = inclined && condition.slope < 0.0f ? -1.0f : 1.0f;
    const Alias* alias = halo.alias.data();
    const int count = lanes_for(hits.count);
    CALOFORGE_LANES
    for (int i = 0; i < count; ++i) {
        const std::uint32_t where = hits.where[i], size = hits.size[i];
        const float dither = static_cast<float>(second_of(where)) * 0.00390625f;
        const int table = inclined ? smaller(static_cast<int>(lean + dither), halo.leans - 1) : 0;
        const float place =
            static_cast<float>(quantile_of(where)) * 5.9604645e-8f * static_cast<float>(pads);
        const int drawn = smaller(static_cast<int>(place), pads - 1);
        const int entry = (table * model.layers + hits.layer[i]) * pads + drawn;
        const float kept = alias[entry].kept;
        const int instead = alias[entry].instead;
        const bool keeps = place - static_cast<float>(drawn) < kept;
        const float pad = static_cast<float>(keeps ? drawn : instead);
        float x = static_cast<float>(static_cast<std::int32_t>((pad + 0.5f) * per_row));
        float from_window = (pad - x * pads_y - half) * side, aside = 0.0f;
        if (turned) {
            aside = shower.aslant.aside[hits.layer[i]];
            x -= middle_x;
            turn_pad(model, shower.aslant, place - static_cast<float>(drawn), aside,
                     shower.centre[hits.layer[i]], x, from_window);
            x += aside + middle_x;
        }
        const float centre = inclined ? shower.centre[hits.layer[i]] : 0.0f;
        const float deposit = halo.deposit[size >> 22];
        const float y = from_window + (centre + middle);
        hits.x[i] = x;
        hits.y[i] = y;
        hits.chance[i] = chance_of_next(halo, size);
        hits.energy[i] = is_beside(model, x, y, aside, centre) ? deposit : 0.0f;
    }
}

// Lists the particles that have a hit in the next pad, too: pads, layers and, for now as cells, their
// numbers.  Returns how many hits there are.
int list_partners(HaloHits& hits) {
    const int particles = hits.count;
    for (int i = particles; i < lanes_for(particles); ++i) hits.chance[i] = 0.0f;
    int count = particles;
    for (int i = 0; i < particles; i += width) {
        const auto size = loaded<Ints<width>>(&hits.size[i]);
        const auto rest = __builtin_convertvector(size & 0x3fffff, Floats<width>) * 2.3841858e-7f;
        const Wanted wanted(rest, loaded<Floats<width>>(&hits.chance[i]));
        wanted.take(size, &hits.cell[count]);
        wanted.take(loaded<Floats<width>>(&hits.x[i]), &hits.x[count]);
        wanted.take(loaded<Floats<width>>(&hits.y[i]), &hits.y[count]);
        wanted.take(loaded<Ints<width>>(&hits.layer[i]), &hits.layer[count]);
        count += wanted.count();
    }
    return count;
}

// Adds the hits in the next pads, of those particles that have one.
template <bool turned>
void add_partners(const Model& model, Shower& shower) {
    HaloHits& hits = shower.halo;
    const int particles = hits.count, count = list_partners(hits);
    float *x = hits.x.data(), *y = hits.y.data(), *energy = hits.energy.data();
    const std::int32_t *layer = hits.layer.data(), *its_size = hits.cell.data();
    const float *deposit = model.halo.deposit.data(), *centre = shower.centre.data();
    const float* aside = shower.aslant.aside.data();
    const int end = particles + lanes_for(count - particles);
    CALOFORGE_LANES
    for (int i = particles; i < end; ++i) {
        const auto size = static_cast<std::uint32_t>(its_size[i]);
        const float four =
            at_most(4.0f * (rest_of_size(size) / chance_of_next(model.halo, size)), 4.0f);
        const int quarter = smaller(static_cast<int>(four), 3);
        x[i] += static_cast<float>((quarter == 0) - (quarter == 1));
        y[i] += static_cast<float>((quarter == 2) - (quarter == 3));
        const int place = smaller(
            static_cast<int>((four - static_cast<float>(quarter)) * halo_energies), halo_energies - 1);
        energy[i] = is_beside(model, x[i], y[i], turned ? aside[layer[i]] : 0.0f, centre[layer[i]]) ? deposit[place] : 0.0f;
    }
    for (int i = count; i < lanes_for(count); ++i)
        hits.x[i] = hits.y[i] = hits.energy[i] = 0.0f, hits.layer[i] = 0;
    hits.count = count;
}

// Sums of a layer's hits: of each fourth one, and then of the four, because hits follow each other in
// a layer and a sum would wait for the one before.
void add_up_halo(const Model& model, Shower& shower) {
    const HaloHits& hits = shower.halo;
    const int layer_lanes = model.layer_lanes;
    float* sums = shower.work.data();
    std::memset(sums, 0, 4 * layer_lanes * sizeof(float));
    for (int i = 0; i < hits.count; ++i) sums[i % 4 * layer_lanes + hits.layer[i]] += hits.energy[i];
    float* in_halo = shower.in_halo.data();
    CALOFORGE_LANES
    for (int i = 0; i < layer_lanes; ++i)
        in_halo[i] = (sums[i] + sums[i + layer_lanes]) +
                     (sums[i + 2 * layer_lanes] + sums[i + 3 * layer_lanes]);
}

// Makes the hits beside the window, before the layers are scaled, and their sums in the layers.
void make_halo(const Model& model, const Condition& condition, Random& random, Shower& shower) {
    HaloHits& hits = shower.halo;
    for (int layer = 0; layer < model.layers; ++layer) shower.in_halo[layer] = 0.0f;
    hits.count = 0;
    if (model.whole) return;
    float* rate = shower.work.data();
    set_rates(model, condition, shower, rate);
    set_particles(model, rate, random, rate + lanes_for(model.layers), hits);
    hits.size = hits.where.data() + lanes_for(hits.count);
    random.words(hits.where.data(), 2 * lanes_for(hits.count));
    if (shower.aslant.here)
        set_pads<true, true>(model, condition, shower);
    else if (model.inclined)
        set_pads<true, false>(model, condition, shower);
    else
        set_pads<false, false>(model, condition, shower);
    if (shower.aslant.here)
        add_partners<true>(model, shower);
    else
        add_partners<false>(model, shower);
    add_up_halo(model, shower);
}

CALOFORGE_END
