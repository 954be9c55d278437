// A shower in the order of its physics; compiled once for each instruction set.
#include "maker.hpp"

#include "steps/axis.hpp"
#include "steps/centre.hpp"
#include "steps/deposits.hpp"
#include "steps/halo.hpp"
#include "steps/knots.hpp"
#include "steps/layers.hpp"
#include "steps/noise.hpp"
#include "steps/pattern.hpp"
#include "steps/pattern_weights.hpp"
#include "steps/selection.hpp"

CALOFORGE_BEGIN

class MakerOfSet final : public Maker {
  public:
    explicit MakerOfSet(const Model& model)
        : model_(model), group_(model), shower_(model),
          numbers_(lanes_for(model.flow_numbers() + 4)) {}

    void make(std::uint64_t seed, std::uint64_t first, int showers, const float* energy,
              const float* theta, HitBuffer& hits) override {
        for (int lane = 0; lane < lanes; ++lane) {
            Random& random = group_.random[lane];
            random.start(seed, first + static_cast<std::uint64_t>(smaller(lane, showers - 1)));
            random.uniform(numbers_.data(), static_cast<int>(numbers_.size()));
            set_numbers_of_lane(lane, numbers_.data());
        }
        make_group(showers, energy, theta);
        for (int lane = 0; lane < showers; ++lane) {
            hits.reserve(static_cast<std::size_t>(model_.cells()) + lanes);
            fetch(hits);
            make_shower(lane);
            const int count =
                take_hits(model_, shower_, hits.cell + hits.hits, hits.energy + hits.hits);
            hits.finish_shower(static_cast<std::size_t>(count));
        }
    }

    void trace(int showers, const float* energy, const float* theta, const Trace& trace) override {
        const int count = model_.flow_numbers() + 4;
        for (int lane = 0; lane < lanes; ++lane)
            set_numbers_of_lane(lane, trace.numbers + smaller(lane, showers - 1) * count);
        make_group(showers, energy, theta);
        for (int lane = 0; lane < showers; ++lane) trace_shower(lane, trace);
    }

  private:
    // Fetches the memory of the next hits, which are written here and there, while they are made.
    static void fetch(const HitBuffer& hits) {
        constexpr int usual = 2048, in_cache_line = 16;
        for (int i = 0; i < usual; i += in_cache_line) {
            __builtin_prefetch(hits.cell + hits.hits + i, 1, 2);
            __builtin_prefetch(hits.energy + hits.hits + i, 1, 2);
        }
    }

    void set_numbers_of_lane(int lane, const float* numbers) {
        const int flow = model_.flow_numbers();
        for (int i = 0; i < flow; ++i) group_.flow_numbers[i * lanes + lane] = numbers[i];
        group_.impact_x[lane] = numbers[flow];
        group_.impact_y[lane] = numbers[flow + 1];
        group_.tilt[0][lane] = numbers[flow + 2];
        group_.tilt[1][lane] = numbers[flow + 3];
    }

    void make_group(int showers, const float* energy, const float* theta) {
        for (int lane = 0; lane < lanes; ++lane) {
            group_.energy[lane] = energy[smaller(lane, showers - 1)];
            group_.theta[lane] = theta[smaller(lane, showers - 1)];
            float* tilt = &group_.tilt[0][lane];
            normal_pair(tilt[0], tilt[lanes], tilt[0], tilt[lanes]);
        }
        set_conditions(model_, group_);
        make_layer_energies(model_, group_);
        make_pattern_weights(model_, group_);
    }

    // One shower's energies and weights, and what its cells expect.
    void expect(int lane, const Condition& condition) {
        for (int layer = 0; layer < model_.layers; ++layer) {
            const float energy = group_.layer_energy[layer * lanes + lane];
            shower_.energy[layer] = energy;
            for (int ring = layer * model_.rings; ring < (layer + 1) * model_.rings; ++ring)
                shower_.rings[ring] = group_.rings[ring * lanes + lane] * energy;
        }
        set_axis(model_, group_, lane, condition, shower_);
        set_shares(model_, condition, shower_);
        set_expected(model_, shower_);
    }

    void make_shower(int lane) {
        const Condition condition(model_, group_, lane);
        Random& random = group_.random[lane];
        expect(lane, condition);
        make_halo(model_, condition, random, shower_);
        set_numbers(model_, condition, random, shower_);
        float* shifts = shower_.work.data();
        condition.interpolate(model_.deposit_shift.data(), model_.layers, shifts);
        make_deposits(model_, shifts, shower_);
        scale_halo(shower_);
        set_image(model_, shower_);
    }

    void trace_shower(int lane, const Trace& trace) {
        const Condition condition(model_, group_, lane);
        const int layers = model_.layers, rings = layers * model_.rings;
        expect(lane, condition);
        for (int layer = 0; layer < layers; ++layer) {
            if (trace.layer_energy) trace.layer_energy[lane * layers + layer] = shower_.energy[layer];
            if (trace.axis_y) trace.axis_y[lane * layers + layer] = shower_.axis_y[layer];
            if (trace.beside) trace.beside[lane * layers + layer] = shower_.beside[layer];
        }
        if (trace.rings)
            for (int i = 0; i < rings; ++i) trace.rings[lane * rings + i] = group_.rings[i * lanes + lane];
        if (trace.rate && !model_.whole)
            set_rates(model_, condition, shower_, trace.rate + lane * layers);
        trace_cells(lane, condition, trace);
    }

    void trace_cells(int lane, const Condition& condition, const Trace& trace) {
        float* shifts = shower_.work.data();
        condition.interpolate(model_.deposit_shift.data(), model_.layers, shifts);
        const std::size_t first =
            static_cast<std::size_t>(lane) * model_.window_x * model_.window_y * model_.layers;
        for (int layer = 0; layer < model_.layers; ++layer) {
            const float* table = table_of(model_, sort_of(layer, shower_.energy[layer]));
            for (int x = 0; x < model_.window_x; ++x) {
                for (int y = 0; y < model_.window_y; ++y) {
                    const std::size_t cell =
                        first + (x * model_.window_y + y) * model_.layers + layer;
                    const float expected =
                        shower_.expected[static_cast<std::size_t>(layer) * model_.pads + x * model_.stride + y];
                    if (trace.expected) trace.expected[cell] = expected;
                    if (trace.deposit)
                        trace.deposit[cell] =
                            expected *
                            table[place_of(shifts[layer], expected, trace.cell_numbers[cell])];
                }
            }
        }
    }

    const Model& model_;
    Group group_;
    Shower shower_;
    Array<float> numbers_;
};

}  // namespace

std::unique_ptr<Maker> new_maker(const Model& model) {
    return std::unique_ptr<Maker>(new MakerOfSet(model));
}

}  // namespace CALOFORGE_SET
}  // namespace caloforge
