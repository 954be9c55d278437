// The tables of a factorised network, checked: whatever they are, no step leaves its memory.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace caloforge {

constexpr int lanes = 16;  // showers, or pads, that are computed side by side

// What the steps share with the network in Python; the tests of parity hold them together.
constexpr int energy_knots = 9, angle_knots = 2;
constexpr int score_steps = 32;
constexpr float score_range = 3.3f;
constexpr int impacts = 17;  // distances from the middle of the pad, at equal steps of a half
constexpr int core = 3;      // pads in x and y whose fluctuations remember the layer before
constexpr int multipoles = 5, poles = 2 * multipoles - 1;  // of a cylinder's fluctuations in the angle
constexpr int expectations = 64, quantiles = 512;  // rows and columns of the deposit table
constexpr int first_layers = 3, first_layer_classes = 6, layer_classes = 8;
constexpr int sorts = layer_classes + first_layers * first_layer_classes;
constexpr float silicon_faint_gev = 1e-3f, silicon_ratio = 2.0f;  // classes of layers by their energy
constexpr float lowest_gev = 1e-8f, steps_per_decade = 8.0f;
constexpr int halo_energies = 1024, halo_leans = 3;
constexpr int most_particles = 65535;  // of the halo
constexpr int hit_energies = 24, hit_columns_of_number = 64, most_hits = 15;
constexpr float hit_energies_per_octave = 3.0f, faint_of_counted = 2.0f;
constexpr int hit_layers_alone = 6, hit_layers_together = 4;
constexpr int poisson_means = 128, poisson_columns = 512, poisson_means_per_root = 16;
constexpr float threshold_gev = 1e-8f;

constexpr int outputs_at_once = 8;
constexpr int shared_inputs = 7;  // what a shared pattern is told of a layer, beside the condition
constexpr int size_inputs = 2;    // and what more, where it says how large deposits are

struct Linear {  // y = weight x + bias, with outputs of zero up to a multiple of those at once
    int in = 0, out = 0;
    std::vector<float> weight, bias;  // [out / outputs_at_once][in][outputs_at_once], [out]
};

using Network = std::array<Linear, 3>;

struct Coupling {
    Network network;
    std::vector<std::int32_t> inverse_order;
};

// Two straight lines above the chance of a hit, for one sort of layers; in units of 2**-24.
// chance(m) <= min(steep m + low, flat m + high), m in GeV before the layer's shift.
struct Bound {
    float steep, low, flat, high;
};

// A pad of the alias method: the chance that it is kept where it was drawn, and the one instead.
struct Alias {
    float kept;
    std::int32_t instead;
};

struct Halo {
    int particles = 0, pads_x = 0, pads_y = 0, leans = 0;
    std::vector<float> per_gev;  // [knots][layers]
    std::vector<Alias> alias;    // [leans][layers][pads_x][pads_y]
    std::vector<float> deposit;  // [halo_energies] GeV
    std::vector<std::uint16_t> poisson;  // [poisson_means][poisson_columns]
    float few = 0, more = 0;
};

// How many cells a faint layer hits.
struct HitNumbers {
    float limit = 0;     // GeV: layers of less are counted; 0: none is
    int groups = 0;
    bool by_odds = false;  // which cells come first; else by their quantiles over their chances
    std::vector<std::int32_t> group;    // [layers]
    std::vector<std::uint8_t> number;   // [knots][groups][hit_energies][hit_columns_of_number]
    // [sorts][expectations]: one over the odds of a hit, 0: certain; or over the chance, in units of 2**-24,
    // negative: certain.
    std::vector<float> one_over;
};

// Rings about the particle, along the image's x, and their sectors, along its y.
struct Cylinder {
    std::vector<std::int32_t> sectors;  // [layers]
    std::vector<float> shares;          // [rings][image_x][layer_lanes] of the Gaussians
    std::vector<float> basis;           // [poles][image_y][layers]
    std::vector<float> memory;          // [poles][layers before][layer_lanes]
    std::vector<float> share;           // [knots][image_x][multipoles]
    std::vector<float> to_ring, to_either;  // [image_x] chance of sharing with the next, or next sector
};

struct Model {
    int image_x = 0, image_y = 0, layers = 0;
    int window_x = 0, window_y = 0;
    bool whole = false, inclined = false;
    bool in_rings = false;  // cells are those of a cylinder, not pads
    int reach_x = 0, reach_y = 0, most_moved = 0, most_followed = 0;
    int layer_lanes = 0;  // the layers, and lanes of none up to a multiple

    double energy_low = 0, energy_high = 0, theta_low = 0, theta_high = 0;
    float log_low = 0, per_log = 0, per_tilt = 0, steepest = 0;
    int knots = 0, features = 0;

    int variables = 0;  // of the flow: energies of the layers, or at places in depth, and their sum
    std::vector<Coupling> couplings;
    bool local = false;            // correlations of the layers at every knot
    std::vector<float> colouring;  // [knots or 1][flow][variables]
    bool converts = false;         // showers begin in a layer that is drawn
    bool draws_sum = false;        // the last variable is the sum, which the layers share
    bool shared = false;           // one network weighs the Gaussians in all layers
    bool sizes = false;            // and says how large their deposits are
    bool moves_centre = false;     // energy beside the image moves its centre
    std::vector<float> begun;      // [knots][layers - 1] chance that they have
    std::vector<std::int32_t> place;  // [layers] of those that begin in the first one, rising
    std::vector<float> quantiles;  // [knots][variables][score_steps + 1]
    std::vector<float> scale, response;
    std::vector<float> in_sum;     // [layers] parts in the sum that is drawn

    Network pattern;
    std::vector<float> pattern_bias;                   // [layers][rings, size], where it is shared
    std::vector<float> usual;                          // [knots][2] response, and one over its width
    int rings = 0;
    std::vector<float> steepness;                      // [rings], 1 / (sigma sqrt 2)
    std::vector<float> shift_at, shift_with_energy;    // [rings][layer_lanes]
    std::vector<float> depth, lean, wander;            // [layers], [knots], [knots]
    std::vector<float> impact;                         // [2][impacts] pads, or none: as it is
    std::vector<float> pull, rarity;                   // [knots] pads, where the centre is moved

    float sharing = 0, deep_sharing = 0;
    std::vector<float> memory;  // [layers before][layer_lanes]
    std::vector<float> share;   // [knots][core * core]
    Cylinder cylinder;

    float per_faint = 0, per_faint_first = 0, per_log_ratio = 0;  // of the layers' classes
    float usual_shift = 0;  // rows of the deposits' table
    std::vector<float> deposit_shift, deposit_table;
    std::array<Bound, sorts> bounds{};

    HitNumbers hit_numbers;
    Halo halo;  // of no particles where the window is the whole image

    // Pads along y of all layers' windows together, where these follow an axis as far as they may; in
    // rings one sector more, in which the first one follows the last.
    int widest_span() const { return window_y + 2 * most_followed + (in_rings ? 1 : 0); }
    int pattern_outputs() const { return rings + (sizes ? 1 : 0); }  // of a shared pattern
    int pattern_inputs() const { return shared_inputs + (sizes ? size_inputs : 0); }
    // Whether the window holds more than the core, which remembers the layer before then.
    bool has_core() const { return !in_rings && window_x >= core + 2 && window_y >= core + 2; }
    int cells() const { return image_x * image_y * layers; }
    int flow_numbers() const { return 2 * ((variables + 1) / 2); }
    int field_numbers() const { return in_rings ? (poles + 1) * layers : 0; }
    int hit_count_numbers() const { return hit_numbers.limit > 0.0f ? 3 * layers : 0; }
    // Uniform numbers for layers and axis: of the flow, two for the impact point, two for the tilt of
    // the axis, one for the layer in which the shower begins, two for the image's centre, those of the
    // field in rings, those of the numbers of hits.
    int numbers() const {
        return flow_numbers() + 4 + (converts ? 1 : 0) + (moves_centre ? 2 : 0) + field_numbers() +
               hit_count_numbers();
    }
};

// From the bytes of a model file; throws Error.
Model read_model(std::string_view bytes);

// The lines above the chance of a hit in the rows (expectations) of a sort's table.
Bound bound_of(const float* table);

// How many leading columns of a row are hits.
int hit_columns(const float* row);

}  // namespace caloforge
