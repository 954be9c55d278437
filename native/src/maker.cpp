// A shower in the order of its physics; compiled once for each instruction set.
#include "maker.hpp"

#include "steps/aslant.hpp"
#include "steps/axis.hpp"
#include "steps/centre.hpp"
#include "steps/deposits.hpp"
#include "steps/halo.hpp"
#include "steps/knots.hpp"
#include "steps/layers.hpp"
#include "steps/noise.hpp"
#include "steps/outgoing.hpp"
#include "steps/pattern.hpp"
#include "steps/pattern_weights.hpp"
#include "steps/rings/noise.hpp"
#include "steps/rings/pattern.hpp"
#include "steps/scales.hpp"
#include "steps/selection.hpp"
#include "steps/shared_weights.hpp"
#include "steps/table.hpp"

CALOFORGE_BEGIN

class MakerOfSet final : public Maker {
  public:
    explicit MakerOfSet(const Model& model)
        : model_(model), group_(model), shower_(model),
          numbers_(words_for(model.numbers())), energies_(most_values(model)), cells_(most_values(model)) {
        set_sharing(model, shower_);
    }

    void make(std::uint64_t seed, std::uint64_t first, int showers, const float* energy,
              const float* theta, const float* impact, const float* phi, HitBuffer& hits) override {
        if (showers >= worth_a_group)
            return make_side<lanes>(seed, first, showers, energy, theta, impact, phi, hits);
        for (int i = 0; i < showers; ++i)
            make_side<1>(seed, first + static_cast<std::uint64_t>(i), 1, energy + i, theta + i,
                         impact == nullptr ? nullptr : impact + 2 * i,
                         phi == nullptr ? nullptr : phi + i, hits);
    }

    void trace(int showers, const float* energy, const float* theta, const float* phi,
               const Trace& trace) override {
        const int count = model_.numbers();
        for (int lane = 0; lane < lanes; ++lane)
            set_numbers_of_lane<lanes>(lane, trace.numbers + smaller(lane, showers - 1) * count);
        set_toward(group_, showers, phi);
        make_group<lanes>(showers, energy, theta);
        for (int lane = 0; lane < showers; ++lane) trace_shower(lane, trace);
    }

  private:
    static constexpr int worth_a_group = 4;  // fewer showers are made one by one in less time

    // Values in memory that is written when a shower's hits are taken.
    static std::size_t most_values(const Model& model) {
        return static_cast<std::size_t>(model.cells()) + 2 * lanes;
    }

    // At most `side` showers, whose layers and pattern are made side by side.
    template <int side>
    void make_side(std::uint64_t seed, std::uint64_t first, int showers, const float* energy,
                   const float* theta, const float* impact, const float* phi, HitBuffer& hits) {
        for (int lane = 0; lane < side; ++lane) {
            Random& random = group_.random[lane];
            random.start(seed, first + static_cast<std::uint64_t>(smaller(lane, showers - 1)));
            random.uniform(numbers_.data(), static_cast<int>(numbers_.size()));
            set_numbers_of_lane<side>(lane, numbers_.data());
        }
        set_entry(group_, showers, impact);
        set_toward(group_, showers, phi);
        make_group<side>(showers, energy, theta);
        if (hits.narrow())
            make_hits<side>(showers, hits, hits.narrow_cell);
        else
            make_hits<side>(showers, hits, hits.cell);
    }

    // The showers' hits; `cell` is the memory in the buffer that has their cells.
    template <int side, class Cell>
    void make_hits(int showers, HitBuffer& hits, Cell*& cell) {
        if (hits.large()) cells_.start(cell, hits.hits), energies_.start(hits.energy, hits.hits);
        for (int lane = 0; lane < showers; ++lane) {
            hits.reserve(most_values(model_));
            make_shower<side>(lane);
            const std::size_t there = hits.hits;
            if (hits.large()) {
                const int count = take(cells_.next(), energies_.next());
                cells_.add(cell, there, static_cast<std::size_t>(count));
                energies_.add(hits.energy, there, static_cast<std::size_t>(count));
                hits.finish_shower(static_cast<std::size_t>(count));
            } else {
                const int count = take(cell + there, hits.energy + there);
                hits.finish_shower(static_cast<std::size_t>(count));
            }
        }
        if (hits.large()) cells_.finish(cell, hits.hits), energies_.finish(hits.energy, hits.hits);
    }

    template <class Cell>
    int take(Cell* cell, float* energy) {
        return shower_.aslant.here ? take_hits_aslant(model_, shower_, cell, energy)
                                   : take_hits(model_, shower_, cell, energy);
    }

    template <int side>
    void set_numbers_of_lane(int lane, const float* numbers) {
        const int flow = model_.flow_numbers();
        for (int i = 0; i < flow; ++i) group_.flow_numbers[i * side + lane] = numbers[i];
        group_.impact_x[lane] = numbers[flow];
        group_.impact_y[lane] = numbers[flow + 1];
        group_.tilt[0][lane] = numbers[flow + 2];
        group_.tilt[1][lane] = numbers[flow + 3];
        int next = flow + 4;
        if (model_.converts) group_.beginning[lane] = numbers[next++];
        if (model_.moves_centre)
            for (int axis = 0; axis < 2; ++axis) group_.missed[axis][lane] = numbers[next++];
        const int of_field = model_.field_numbers();
        for (int i = 0; i < of_field; ++i) group_.field_numbers[lane * of_field + i] = numbers[next++];
        const int of_hits = model_.hit_count_numbers();
        for (int i = 0; i < of_hits; ++i) group_.hit_numbers[lane * of_hits + i] = numbers[next++];
    }

    template <int side>
    void make_group(int showers, const float* energy, const float* theta) {
        for (int lane = 0; lane < side; ++lane) {
            group_.energy[lane] = energy[smaller(lane, showers - 1)];
            group_.theta[lane] = theta[smaller(lane, showers - 1)];
            float* tilt = &group_.tilt[0][lane];
            normal_pair(tilt[0], tilt[lanes], tilt[0], tilt[lanes]);
        }
        set_conditions<side>(model_, group_);
        make_layer_energies<side>(model_, group_);
        if (model_.shared)
            make_shared_weights<side>(model_, group_);
        else
            make_pattern_weights<side>(model_, group_);
    }

    // One shower's energies and weights, and what they give to rows of pads.
    template <int side>
    void expect(int lane, const Condition& condition) {
        const int layer_lanes = model_.layer_lanes;
        for (int layer = 0; layer < model_.layers; ++layer)
            shower_.energy[layer] = group_.layer_energy[layer * side + lane];
        if (model_.sizes)
            for (int layer = 0; layer < model_.layers; ++layer)
                shower_.sizes[layer] = group_.sizes[lane * layer_lanes + layer];
        set_raised(model_, condition, shower_);
        const float* weight = &group_.rings[lane * model_.rings * layer_lanes];
        for (int ring = 0; ring < model_.rings; ++ring) {
            CALOFORGE_LANES
            for (int layer = 0; layer < layer_lanes; ++layer)
                shower_.rings[ring * layer_lanes + layer] =
                    weight[ring * layer_lanes + layer] *
                    (shower_.energy[layer] * shower_.raised[layer]);
        }
        if (model_.in_rings) {
            set_rings(model_, shower_);
            set_field(model_, &group_.field_numbers[lane * model_.field_numbers()], shower_);
            return;
        }
        if (model_.moves_centre) set_missed(model_, group_, lane, condition, shower_);
        shower_.aslant.here = is_aslant(model_, group_, lane);
        if (shower_.aslant.here) {
            set_axis_aslant(model_, group_, lane, condition, shower_);
            set_expected_aslant(model_, condition, shower_);
        } else {
            set_axis(model_, group_, lane, condition, shower_);
            set_weighed(model_, condition, shower_);
        }
    }

    template <int side>
    void make_shower(int lane) {
        const Condition condition(model_, group_, lane);
        Random& random = group_.random[lane];
        expect<side>(lane, condition);
        make_halo(model_, condition, random, shower_);
        if (model_.in_rings)
            set_numbers_in_rings(model_, condition, random, shower_);
        else
            set_numbers(model_, condition, random, shower_);
        make_deposits(model_, shower_);
        set_scales(model_, condition, hit_numbers_of(lane), shower_);
    }

    const float* hit_numbers_of(int lane) const {
        return &group_.hit_numbers[lane * model_.hit_count_numbers()];
    }

    void trace_shower(int lane, const Trace& trace) {
        const Condition condition(model_, group_, lane);
        const int layers = model_.layers, rings = model_.rings;
        expect<lanes>(lane, condition);
        for (int layer = 0; layer < layers; ++layer) {
            if (trace.layer_energy) trace.layer_energy[lane * layers + layer] = shower_.energy[layer];
            if (trace.axis_y) trace.axis_y[lane * layers + layer] = shower_.axis_y[layer];
            if (trace.size) trace.size[lane * layers + layer] = shower_.sizes[layer];
            if (trace.beside) trace.beside[lane * layers + layer] = shower_.beside[layer];
        }
        if (trace.missed)
            for (int axis = 0; axis < 2; ++axis) trace.missed[lane * 2 + axis] = shower_.missed[axis];
        if (trace.rings)
            for (int i = 0; i < layers * rings; ++i)
                trace.rings[lane * layers * rings + i] =
                    group_.rings[(lane * rings + i % rings) * model_.layer_lanes + i / rings];
        if (trace.rate && !model_.whole)
            set_rates(model_, condition, shower_, trace.rate + lane * layers);
        if (trace.field && model_.in_rings) trace_field(condition, trace.field + lane * model_.cells());
        trace_cells(lane, condition, trace);
    }

    void trace_field(const Condition& condition, float* field) {
        set_ring_shares(model_, condition, shower_);
        const InRings& in_rings = shower_.in_rings;
        const int cells = model_.image_y * model_.layers;
        for (int x = 0; x < model_.image_x; ++x) {
            const RingParts parts(&in_rings.share[x * multipoles]);
            for (int cell = 0; cell < cells; ++cell)
                *field++ = parts.of_field(in_rings.field.data(), shower_.row, cell);
        }
    }

    void trace_cells(int lane, const Condition& condition, const Trace& trace) {
        const int layers = model_.layers, stride = shower_.in_x.stride;
        const std::size_t cells =
            static_cast<std::size_t>(model_.window_x) * model_.window_y * layers;
        for (int layer = 0; layer < layers; ++layer) {
            const float* raised = shower_.of_layer.data();
            expect_in_layer(model_, layer, shower_, shower_.of_layer.data());
            const int sort = Sorts(model_).of(layer, shower_.energy[layer]);
            const float* table = table_of(model_, sort);
            std::size_t cell = lane * cells + layer;
            for (int x = 0; x < model_.window_x; ++x)
                for (int y = 0; y < model_.window_y; ++y, cell += layers) {
                    const float of_cell = raised[y * stride + x];
                    const float expected = of_cell * shower_.lowered[layer];
                    if (trace.expected) trace.expected[cell] = expected;
                    if (trace.deposit)
                        trace.deposit[cell] =
                            expected * table[place_of(of_cell, trace.cell_numbers[cell])];
                    if (trace.cell_numbers) shower_.asked[y * stride + x] = trace.cell_numbers[cell];
                }
            if (!trace.number || model_.hit_count_numbers() == 0) continue;
            const int number = number_of_hits(
                model_, condition, layer, shower_.energy[layer], shower_.sizes[layer],
                hit_numbers_of(lane));
            shower_.of_layers.sort[layer] = sort;
            trace.number[lane * layers + layer] = static_cast<float>(number);
            if (!trace.factor || !trace.cell_numbers) continue;
            set_relative(model_, layer, shower_);
            trace.factor[lane * layers + layer] = factor_of(model_, number, shower_);
        }
    }

    const Model& model_;
    Group group_;
    Shower shower_;
    Array<float> numbers_;
    Outgoing<float> energies_;
    Outgoing<std::uint32_t> cells_;
};

}  // namespace

std::unique_ptr<Maker> new_maker(const Model& model) {
    return std::unique_ptr<Maker>(new MakerOfSet(model));
}

}  // namespace CALOFORGE_SET
}  // namespace caloforge
