// The Python module: arrays in, hits out without a copy; other threads run meanwhile.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <mutex>

#include "model_file.hpp"
#include "sampler.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

template <class Value>
using Vector = nb::ndarray<const Value, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class Value>
using Table = nb::ndarray<const Value, nb::c_contig, nb::device::cpu>;
template <class Value>
using Made = nb::ndarray<nb::numpy, Value>;

// An array that shares the memory of a buffer of hits.
template <class Value>
Made<Value> view(nb::handle owner, Value* values, std::size_t count) {
    return Made<Value>(values, {count}, owner);
}

template <class Value>
Made<Value> array(std::initializer_list<std::size_t> shape) {
    std::size_t count = 1;
    for (const std::size_t size : shape) count *= size;
    auto* values = new Value[count]();
    nb::capsule owner(values, [](void* p) noexcept { delete[] static_cast<Value*>(p); });
    return Made<Value>(values, shape, owner);
}

struct Sampler {
    explicit Sampler(const std::string& path) : held(caloforge::read_file(path)) {}
    explicit Sampler(const nb::bytes& bytes)
        : held({static_cast<const char*>(bytes.data()), bytes.size()}) {}
    caloforge::Sampler held;
};

// Memory of hits whose arrays are gone, for the next ones: fresh pages cost a fifth of the time.
class Memory {
  public:
    explicit Memory(bool narrow) : narrow_(narrow) {}
    std::unique_ptr<caloforge::HitBuffer> take() {
        const std::lock_guard<std::mutex> held(mutex_);
        if (free_.empty()) return std::make_unique<caloforge::HitBuffer>(narrow_);
        auto hits = std::move(free_.back());
        free_.pop_back();
        return hits;
    }
    void give(std::unique_ptr<caloforge::HitBuffer> hits) {
        const std::lock_guard<std::mutex> held(mutex_);
        if (free_.size() < most) free_.push_back(std::move(hits));
    }

  private:
    static constexpr std::size_t most = 4;
    bool narrow_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<caloforge::HitBuffer>> free_;
};

// Hits that arrays refer to; their memory goes back when the last array goes.
struct Lease {
    ~Lease() { memory->give(std::move(hits)); }
    std::shared_ptr<Memory> memory;
    std::unique_ptr<caloforge::HitBuffer> hits;
};

struct Maker {
    Maker(const Sampler& sampler_, const std::string& set)
        : sampler(sampler_.held), maker(sampler_.held, set),
          memory(std::make_shared<Memory>(sampler_.held.model.cells() <= 1 << 16)) {}
    const caloforge::Sampler& sampler;
    caloforge::ShowerMaker maker;
    std::shared_ptr<Memory> memory;
};

void check_equal(std::size_t one, std::size_t other, const char* what) {
    if (one != other) throw nb::value_error(what);
}

nb::tuple make(Maker& self, std::uint64_t seed, std::uint64_t first, Vector<float> energy,
               Vector<float> theta, std::optional<Table<float>> impact,
               std::optional<Vector<float>> phi) {
    check_equal(energy.size(), theta.size(), "energy and theta must have one value a shower");
    if (impact) check_equal(impact->size(), 2 * energy.size(), "impact (N, 2) in pads");
    if (phi) check_equal(phi->size(), energy.size(), "phi must have one value a shower");
    auto* lease = new Lease{self.memory, self.memory->take()};
    nb::capsule owner(lease, [](void* p) noexcept { delete static_cast<Lease*>(p); });
    caloforge::HitBuffer* hits = lease->hits.get();
    {
        nb::gil_scoped_release released;
        self.maker.make(seed, first, energy.size(), energy.data(), theta.data(), *hits,
                        impact ? impact->data() : nullptr, phi ? phi->data() : nullptr);
    }
    const nb::object cell = hits->narrow()
        ? nb::cast(view(owner, hits->narrow_cell, hits->hits))
        : nb::cast(view(owner, hits->cell, hits->hits));
    return nb::make_tuple(view(owner, hits->offsets, hits->showers + 1), cell,
                          view(owner, hits->energy, hits->hits));
}

nb::dict trace(Maker& self, Vector<float> energy, Vector<float> theta, Table<float> numbers,
               std::optional<Table<std::uint32_t>> cell_numbers,
               std::optional<Vector<float>> phi) {
    const caloforge::Model& model = self.sampler.model;
    const std::size_t n = energy.size(), layers = model.layers;
    const std::size_t x = model.window_x, y = model.window_y, rings = model.rings;
    check_equal(n, theta.size(), "energy and theta must have one value a shower");
    check_equal(n > 0 && n <= caloforge::lanes, true, "a trace is of 1 to 16 showers");
    check_equal(numbers.size(), n * model.numbers(), "numbers (N, sampler.numbers)");
    auto layer_energy = array<float>({n, layers}), missed = array<float>({n, 2}), axis_y = array<float>({n, layers}),
         beside = array<float>({n, layers}), rate = array<float>({n, layers}),
         weights = array<float>({n, layers, rings}), expected = array<float>({n, x, y, layers}),
         deposit = array<float>({n, x, y, layers}), field = array<float>({n, x, y, layers}),
         number = array<float>({n, layers}), factor = array<float>({n, layers}),
         size = array<float>({n, layers});
    caloforge::Trace wanted;
    wanted.numbers = numbers.data();
    wanted.layer_energy = layer_energy.data();
    wanted.size = size.data();
    wanted.missed = missed.data();
    wanted.axis_y = axis_y.data();
    wanted.beside = beside.data();
    wanted.rate = rate.data();
    wanted.rings = weights.data();
    wanted.expected = expected.data();
    wanted.field = field.data();
    if (cell_numbers) {
        check_equal(cell_numbers->size(), deposit.size(), "cell_numbers (N, X, Y, Z) of the window");
        wanted.cell_numbers = cell_numbers->data();
        wanted.deposit = deposit.data();
        wanted.number = number.data();
        wanted.factor = factor.data();
    }
    if (phi) check_equal(phi->size(), n, "phi must have one value a shower");
    self.maker.trace(static_cast<int>(n), energy.data(), theta.data(), phi ? phi->data() : nullptr, wanted);
    nb::dict made;
    made["layer_energy"] = layer_energy;
    made["weights"] = weights;
    made["size"] = size;
    made["missed"] = missed;
    made["axis_y"] = axis_y;
    made["beside"] = beside;
    made["rate"] = rate;
    made["expected"] = expected;
    made["deposit"] = deposit;
    made["field"] = field;
    made["number"] = number;
    made["factor"] = factor;
    return made;
}

}  // namespace

NB_MODULE(_native, module) {
    nb::exception<caloforge::Error>(module, "ModelFileError", PyExc_ValueError);
    module.def("instruction_sets", [] { return caloforge::instruction_sets(); });
    nb::class_<Sampler>(module, "Sampler")
        .def(nb::init<const std::string&>(), "path"_a)
        .def(nb::init<const nb::bytes&>(), "bytes"_a)
        .def_prop_ro("shape", [](const Sampler& self) {
            const caloforge::Model& model = self.held.model;
            return std::tuple(model.image_x, model.image_y, model.layers);
        })
        .def_prop_ro("numbers", [](const Sampler& self) { return self.held.model.numbers(); })
        .def_prop_ro("flow_numbers", [](const Sampler& self) { return self.held.model.flow_numbers(); });
    nb::class_<Maker>(module, "Maker")
        .def(nb::init<const Sampler&, const std::string&>(), "sampler"_a, "instruction_set"_a = "",
             nb::keep_alive<1, 2>())
        .def("make", &make, "seed"_a, "first"_a, "energy"_a, "theta"_a, "impact"_a = nb::none(),
             "phi"_a = nb::none())
        .def("trace", &trace, "energy"_a, "theta"_a, "numbers"_a, "cell_numbers"_a = nb::none(),
             "phi"_a = nb::none());
}
