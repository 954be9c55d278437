// The factors by which the window's deposits and the halo's have the layers' energies.
#pragma once

#include "hit_numbers.hpp"

CALOFORGE_BEGIN

// Faint layers are counted: their cells, and their sums, have what the halo leaves of the layer's energy.
// `numbers` [3][layers]: uniform, for the numbers of hits.
void set_scales(const Model& model, const Condition& condition, const float* numbers, Shower& shower) {
    const int layer_lanes = model.layer_lanes;
    const float *energy = shower.energy.data(), *in_halo = shower.in_halo.data();
    float *total = shower.sums.total.data(), *scale = shower.scale.data();
    float *of_cells = shower.of_layers.scale.data(), *halo_raised = shower.halo_raised.data();
    CALOFORGE_LANES
    for (int layer = 0; layer < layer_lanes; ++layer) {
        const float quotient = energy[layer] / at_least(total[layer] + in_halo[layer], threshold_gev);
        scale[layer] = energy[layer] >= threshold_gev ? quotient : 0.0f;
        of_cells[layer] = scale[layer], halo_raised[layer] = shower.raised[layer];
    }
    for (int layer = 0; layer < model.layers; ++layer) {
        const float own = energy[layer] - in_halo[layer];
        if (is_counted(model, own)) {
            const float factor = make_counted(model, condition, layer, own, numbers, shower);
            Sums& sums = shower.sums;
            sums.total[layer] *= factor, sums.total_x[layer] *= factor, sums.total_y[layer] *= factor;
            of_cells[layer] = factor, scale[layer] = 1.0f, halo_raised[layer] /= factor;
        } else if ((energy[layer] >= threshold_gev) & (total[layer] + in_halo[layer] < threshold_gev)) {
            ask_layer(model, layer, shower);
            set_deposits_of_layer(model, layer, shower);
            of_cells[layer] = scale[layer] = keep_largest(model, layer, energy[layer], shower);
        }
    }
    CALOFORGE_LANES
    for (int layer = 0; layer < layer_lanes; ++layer) of_cells[layer] *= shower.lowered[layer];
    repeat(model, shower.span, shower.of_layers.scale, shower.of_cells.scale);
}

CALOFORGE_END
