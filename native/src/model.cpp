#include "model.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <sstream>

#include "model_file.hpp"

namespace caloforge {
namespace {

constexpr double smallest_tilt = 1e-3;
constexpr int most_moved = 2;
constexpr float largest_shift = 4.5f;  // rows from the usual one; beyond it ends would not be reached
constexpr int largest_side = 4096, largest_cells = 1 << 26, largest_width = 1 << 14;

[[noreturn]] void bad_description(const std::string& what) {
    throw Error(CALOFORGE_BAD_TABLE, "its description of tables is damaged: " + what);
}

// The lines of the metadata's description: "key value ...", and "table NAME INITIALIZER".
class Description {
  public:
    explicit Description(const std::string& text) {
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            std::istringstream words(line);
            std::string key, name, held;
            if (!(words >> key)) continue;
            if (key == "zeros" && words >> name && words >> zeros_[name]) continue;
            if (key != "table") {
                std::getline(words, values_[key]);
            } else if (words >> name >> held) {
                names_[name] = held;
            } else {
                bad_description("'" + line.substr(0, 80) + "'");
            }
        }
    }

    template <class Number>
    std::vector<Number> numbers(const std::string& key, std::size_t count) const {
        const auto found = values_.find(key);
        std::vector<Number> numbers;
        if (found != values_.end()) {
            std::istringstream words(found->second);
            words.imbue(std::locale::classic());
            for (Number number; words >> number;) numbers.push_back(number);
            if (!words.eof()) bad_description(key);
        }
        if (numbers.size() != count) bad_description(key);
        return numbers;
    }

    // How many zeros a table is that the graph does not hold; none if it is no such table.
    std::size_t zeros(const std::string& table) const {
        const auto found = zeros_.find(table);
        return found == zeros_.end() ? 0 : found->second;
    }

    bool has(const std::string& key) const { return values_.count(key) != 0; }

    bool says(const std::string& key, const std::string& value) const {
        const auto found = values_.find(key);
        std::string word;
        return found != values_.end() && std::istringstream(found->second) >> word && word == value;
    }

    std::string initializer(const std::string& table) const {
        const auto found = names_.find(table);
        return found == names_.end() ? table : found->second;
    }

  private:
    std::map<std::string, std::string> values_, names_;
    std::map<std::string, std::size_t> zeros_;
};

// Tables by name, each with as many finite numbers as it must have.
class Tables {
  public:
    Tables(const ModelFile& file, const Description& description)
        : file_(file), description_(description) {}

    bool has(const std::string& name) const {
        return found(name) != nullptr || description_.zeros(name) != 0;
    }

    std::size_t size(const std::string& name) const {
        return of(name, ElementType::float32, 4).raw.size() / 4;
    }

    std::vector<float> floats(const std::string& name, std::size_t count) const {
        if (description_.zeros(name) == count) return std::vector<float>(count);
        auto values = copied<float>(of(name, ElementType::float32, 4), name, count);
        for (const float value : values)
            if (!std::isfinite(value)) bad(name, "holds a number that is not finite");
        return values;
    }

    std::vector<float> floats(
        const std::string& name, std::size_t count, float low, float high) const {
        auto values = floats(name, count);
        for (const float value : values)
            if (!(value >= low && value <= high))
                bad(name, "holds " + std::to_string(value) + ", allowed are " +
                    std::to_string(low) + " to " + std::to_string(high));
        return values;
    }

    // Whole numbers from 0 to below `end`, whether the graph has them as floats or integers.
    std::vector<std::int32_t> places(const std::string& name, std::size_t count, double end) const {
        std::vector<double> values;
        const Tensor* tensor = found(name);
        if (tensor != nullptr && tensor->type == ElementType::int64) {
            const auto whole = copied<std::int64_t>(of(name, ElementType::int64, 8), name, count);
            values.assign(whole.begin(), whole.end());
        } else {
            const auto whole = floats(name, count);
            values.assign(whole.begin(), whole.end());
        }
        std::vector<std::int32_t> result;
        result.reserve(values.size());
        for (const double value : values) {
            if (!(value >= 0 && value < end && value == std::floor(value)))
                bad(name, "holds " + std::to_string(value) + ", which is no whole number below " +
                    std::to_string(static_cast<long long>(end)));
            result.push_back(static_cast<std::int32_t>(value));
        }
        return result;
    }

    Linear linear(const std::string& name, int in, int out) const {
        Linear layer;
        layer.in = in;
        layer.out = (out + outputs_at_once - 1) / outputs_at_once * outputs_at_once;
        const auto weight = floats(name + ".weight", static_cast<std::size_t>(in) * out);
        layer.weight.resize(static_cast<std::size_t>(in) * layer.out);
        for (int row = 0; row < out; ++row)
            for (int i = 0; i < in; ++i)
                layer.weight[(static_cast<std::size_t>(row / outputs_at_once) * in + i) *
                                 outputs_at_once + row % outputs_at_once] =
                    weight[static_cast<std::size_t>(row) * in + i];
        layer.bias = floats(name + ".bias", static_cast<std::size_t>(out));
        layer.bias.resize(static_cast<std::size_t>(layer.out));
        return layer;
    }

    Network network(const std::string& name, int in, int out) const {
        const std::size_t width = size(name + ".0.bias");
        if (width == 0 || width > largest_width) bad(name + ".0.bias", "has an impossible size");
        const int hidden = static_cast<int>(width);
        return {linear(name + ".0", in, hidden), linear(name + ".2", hidden, hidden),
                linear(name + ".4", hidden, out)};
    }

    [[noreturn]] static void bad(const std::string& name, const std::string& what) {
        throw Error(CALOFORGE_BAD_TABLE, "table '" + name + "' " + what);
    }

  private:
    const Tensor* found(const std::string& name) const {
        const auto entry = file_.initializers.find(description_.initializer(name));
        return entry == file_.initializers.end() ? nullptr : &entry->second;
    }

    const Tensor& of(const std::string& name, ElementType type, std::size_t bytes) const {
        const Tensor* tensor = found(name);
        if (tensor == nullptr) bad(name, "is missing");
        if (tensor->type != type) bad(name, "is not of the type that it must have");
        std::size_t count = 1;
        for (const std::int64_t dim : tensor->dims) {
            if (dim < 0 || dim > std::numeric_limits<std::int32_t>::max() ||
                (dim > 0 && count > tensor->raw.size() / static_cast<std::size_t>(dim)))
                bad(name, "is cut, or of an impossible shape");
            count *= static_cast<std::size_t>(dim);
        }
        if (count * bytes != tensor->raw.size()) bad(name, "is cut, or of an impossible shape");
        return *tensor;
    }

    template <class Number>
    std::vector<Number> copied(
        const Tensor& tensor, const std::string& name, std::size_t count) const {
        const std::size_t there = tensor.raw.size() / sizeof(Number);
        if (there != count)
            bad(name, "has " + std::to_string(there) + " numbers, it must have " +
                std::to_string(count));
        std::vector<Number> values(count);
        if (count != 0) std::memcpy(values.data(), tensor.raw.data(), tensor.raw.size());
        return values;
    }

    const ModelFile& file_;
    const Description& description_;
};

void read_geometry(const Description& description, Model& model) {
    const auto image = description.numbers<int>("image", 3);
    for (const int size : image)
        if (size < 1 || size > largest_side) bad_description("image");
    model.image_x = image[0], model.image_y = image[1], model.layers = image[2];
    if (static_cast<double>(image[0]) * image[1] * image[2] > largest_cells)
        bad_description("image");
    model.whole = description.says("window", "whole");
    const auto window = model.whole ? std::vector<int>{image[0], image[1]}
                                    : description.numbers<int>("window", 2);
    model.window_x = window[0], model.window_y = window[1];
    for (int side = 0; side < 2; ++side)
        if (model.in_rings ? !model.whole
                           : window[side] > image[side] ||
                                 (image[side] - window[side]) % 2 != 0)
            bad_description("window");
    model.reach_x = (model.image_x - model.window_x) / 2;
    model.reach_y = (model.image_y - model.window_y) / 2;
    model.most_moved = std::min({most_moved, model.reach_x, model.reach_y});
    model.layer_lanes = (model.layers + lanes - 1) / lanes * lanes;
}

// What cells share with their neighbours, and how layers are told apart by their energy.
void read_facts(const Description& description, Model& model) {
    if (model.in_rings) {
        model.cylinder.sectors = description.numbers<std::int32_t>("sectors", model.layers);
        for (const int sectors : model.cylinder.sectors)
            if (sectors < 1 || sectors > model.image_y) bad_description("sectors");
    } else {
        model.sharing = description.numbers<float>("sharing", 1)[0];
        if (!(model.sharing >= 0.0f && model.sharing < 0.5f)) bad_description("sharing");
        if (description.has("deep_sharing"))
            model.deep_sharing = description.numbers<float>("deep_sharing", 1)[0];
        if (!(model.deep_sharing >= 0.0f && model.deep_sharing < 0.5f))
            bad_description("deep_sharing");
    }
    const auto classes = description.has("layer_classes")
                             ? description.numbers<float>("layer_classes", 2)
                             : std::vector<float>{silicon_faint_gev, silicon_ratio};
    if (!(classes[0] > 1e-9f && classes[0] < 1e9f && classes[1] > 1.001f && classes[1] < 1e9f))
        bad_description("layer_classes");
    if (description.has("largest_gev")) {
        const float largest = description.numbers<float>("largest_gev", 1)[0];
        if (!(largest > 1e-9f && largest < 1e9f)) bad_description("largest_gev");
        model.usual_shift = -steps_per_decade * std::log10(largest);
    }
    model.per_faint = 1.0f / classes[0];
    model.per_faint_first = 1.0f / (0.25f * classes[0]);
    model.per_log_ratio = static_cast<float>(1.0 / std::log(static_cast<double>(classes[1])));
}

void read_conditions(const Description& description, Model& model) {
    const auto energy = description.numbers<double>("energy_gev", 2);
    const auto theta = description.numbers<double>("theta_rad", 2);
    if (!(energy[0] > 0 && energy[0] <= energy[1] && energy[1] < 1e9))
        bad_description("energy_gev");
    if (!(theta[0] > 0 && theta[0] <= theta[1] && theta[1] < 3.1415926))
        bad_description("theta_rad");
    model.energy_low = energy[0], model.energy_high = energy[1];
    model.theta_low = theta[0], model.theta_high = theta[1];
    model.log_low = static_cast<float>(std::log(energy[0]));
    model.per_log = static_cast<float>(
        (energy_knots - 1) / std::max(std::log(energy[1] / energy[0]), 1e-3));
    const double tilt = std::max(std::abs(std::cos(theta[0])), std::abs(std::cos(theta[1])));
    model.inclined = tilt > smallest_tilt;
    if (model.inclined && model.in_rings) bad_description("theta_rad");
    model.features = model.inclined ? 2 : 1;
    model.knots = model.inclined ? energy_knots * angle_knots : energy_knots;
    if (model.inclined) model.per_tilt = static_cast<float>((angle_knots - 1) / (tilt * tilt));
    model.steepest = static_cast<float>(tilt / std::sqrt(1.0 - tilt * tilt));
    model.most_followed = model.inclined ? model.reach_y - model.most_moved : 0;
}

// Where the layers are among the flow's variables, for a shower that begins in the first one.
std::vector<std::int32_t> read_places(const Tables& tables, int layers) {
    const std::string name = "layers.conversion.depth";
    if (tables.has(name)) {
        auto place = tables.places(name, layers, largest_width);
        for (int layer = 1; layer < layers; ++layer)
            if (place[layer] <= place[layer - 1]) Tables::bad(name, "does not rise");
        return place;
    }
    std::vector<std::int32_t> place(layers);
    std::iota(place.begin(), place.end(), 0);
    return place;
}

void read_beginning(const Tables& tables, Model& model) {
    model.variables = model.layers;
    if (model.converts) {
        model.begun = tables.floats(
            "layers.conversion.begun", static_cast<std::size_t>(model.knots) * (model.layers - 1));
        model.place = read_places(tables, model.layers);
        model.variables = model.place.back() + 1;
    }
    if (!model.draws_sum) return;
    model.in_sum = tables.floats("layers.weight", model.layers, 0.0f, 1e6f);
    ++model.variables;
}

void read_layers(const Tables& tables, Model& model) {
    read_beginning(tables, model);
    const int layers = model.layers, variables = model.variables, kept = variables / 2;
    for (int step = 0;; ++step) {
        const std::string name = "layers.couplings." + std::to_string(step);
        if (!tables.has(name + ".network.0.weight")) break;
        Coupling coupling;
        coupling.network = tables.network(
            name + ".network", kept + model.features, 2 * (variables - kept));
        coupling.inverse_order = tables.places(name + ".inverse_order", variables, variables);
        model.couplings.push_back(std::move(coupling));
    }
    if (model.couplings.empty()) Tables::bad("layers.couplings.0.network.0.weight", "is missing");
    const std::size_t knots = model.knots;
    const std::size_t square = static_cast<std::size_t>(variables) * variables;
    if (model.local) {
        const auto colouring = tables.floats("layers.colouring", model.knots * square);
        model.colouring.resize(colouring.size());
        for (std::size_t i = 0; i < colouring.size(); ++i) {
            const std::size_t variable = i % square / variables, of_flow = i % variables;
            model.colouring[i / square * square + of_flow * variables + variable] = colouring[i];
        }
    } else {
        model.colouring = tables.floats("layers.colouring.transposed", square);
    }
    model.quantiles = tables.floats(
        "layers.quantiles", knots * variables * (score_steps + 1), -100.0f, 100.0f);
    model.scale = tables.floats("layers.scale", layers);
    model.response = tables.floats("layers.response", knots * 2);
}

// A table [layers][rings] as [rings][layer_lanes].
std::vector<float> of_rings(const std::vector<float>& values, const Model& model) {
    std::vector<float> turned(static_cast<std::size_t>(model.rings) * model.layer_lanes);
    for (int layer = 0; layer < model.layers; ++layer)
        for (int ring = 0; ring < model.rings; ++ring)
            turned[ring * model.layer_lanes + layer] = values[layer * model.rings + ring];
    return turned;
}

// The Gaussians' widths on pads; in a cylinder their shares of its rings.
void read_rings(const Tables& tables, Model& model) {
    const char* name = model.in_rings ? "pattern.shares" : "pattern.steepness";
    const std::size_t grid =
        model.in_rings ? static_cast<std::size_t>(model.layers) * model.image_x : 1;
    const std::size_t rings = tables.size(name) / grid;
    if (rings == 0 || rings > 256) Tables::bad(name, "has an impossible size");
    model.rings = static_cast<int>(rings);
    if (!model.in_rings) {
        model.steepness = tables.floats(name, rings, 0.0f, 1e6f);
        return;
    }
    const auto shares = tables.floats(name, grid * rings, 0.0f, 1.001f);
    model.cylinder.shares.resize(rings * model.image_x * static_cast<std::size_t>(model.layer_lanes));
    for (std::size_t i = 0; i < shares.size(); ++i) {
        const std::size_t ring = i % rings, x = i / rings % model.image_x, layer = i / rings / model.image_x;
        model.cylinder.shares[(ring * model.image_x + x) * model.layer_lanes + layer] = shares[i];
    }
}

void read_axis_and_pattern(const Tables& tables, Model& model) {
    read_rings(tables, model);
    const std::size_t rings = model.rings, layers = model.layers;
    if (model.shared) {
        const int outputs = model.pattern_outputs();
        model.pattern = tables.network(
            "pattern.network.network", model.pattern_inputs() + model.features, outputs);
        model.pattern_bias = tables.floats("pattern.network.bias", layers * outputs);
        if (model.sizes) model.usual = tables.floats("pattern.network.usual", model.knots * 2);
    } else {
        model.pattern = tables.network(
            "pattern.network", model.features + model.layers, model.layers * model.rings);
    }
    if (tables.has("axis.impact"))
        model.impact = tables.floats("axis.impact", 2 * impacts, 0.0f, 0.5f);
    if (model.moves_centre && tables.has("axis.rarity")) {
        model.pull = tables.floats("axis.pull", model.knots, 0.0f, 1e3f);
        model.rarity = tables.floats("axis.rarity", model.knots, 0.0f, 1e3f);
    } else if (model.moves_centre) {
        model.pull = tables.floats("axis.off_centre", model.knots, -1e3f, 1e3f);
    }
    if (!model.inclined) return;
    model.shift_at = of_rings(tables.floats("pattern.shift.at", layers * rings), model);
    model.shift_with_energy =
        of_rings(tables.floats("pattern.shift.with_energy", layers * rings), model);
    model.depth = tables.floats("axis.depth", layers, -1e6f, 1e6f);
    model.lean = tables.floats("axis.lean", model.knots, -1e3f, 1e3f);
    model.wander = tables.floats("axis.wander", model.knots, -1e3f, 1e3f);
}

// Tables [count][layers][layers before] as [count][layers before][layer_lanes].
std::vector<float> read_memory(
    const Tables& tables, const std::string& name, std::size_t count, const Model& model) {
    const std::size_t layers = model.layers, layer_lanes = model.layer_lanes;
    const auto memory = tables.floats(name, count * layers * layers);
    std::vector<float> turned(count * layers * layer_lanes);
    for (std::size_t i = 0; i < memory.size(); ++i) {
        const std::size_t before = i % layers, layer = i / layers % layers, of = i / layers / layers;
        turned[(of * layers + before) * layer_lanes + layer] = memory[i];
    }
    return turned;
}

void read_core(const Tables& tables, Model& model) {
    model.memory = read_memory(tables, "noise.core.memory", 1, model);
    model.share = tables.floats(
        "noise.core.share", static_cast<std::size_t>(model.knots) * core * core, 0.0f, 1.0f);
}

// How the cells of rings and sectors hang together.
void read_field(const Tables& tables, Model& model) {
    Cylinder& cylinder = model.cylinder;
    const std::size_t layers = model.layers, x = model.image_x, y = model.image_y;
    const auto basis = tables.floats("noise.field.basis", layers * poles * y, -1.001f, 1.001f);
    cylinder.basis.resize(basis.size());
    for (std::size_t i = 0; i < basis.size(); ++i) {
        const std::size_t sector = i % y, pole = i / y % poles, layer = i / y / poles;
        cylinder.basis[(pole * y + sector) * layers + layer] = basis[i];
    }
    cylinder.memory = read_memory(tables, "noise.field.memory", poles, model);
    cylinder.share = tables.floats("noise.field.share", model.knots * x * multipoles, 0.0f, 1.0f);
    cylinder.to_ring = tables.floats("noise.sharing.ring", x, 0.0f, 1.0f);
    cylinder.to_either = tables.floats("noise.sharing.either", x, 0.0f, 1.0f);
}

void read_deposits(const Tables& tables, Model& model) {
    const std::size_t layers = model.layers, knots = model.knots;
    model.deposit_shift =
        tables.floats("deposits.shift", knots * layers, model.usual_shift - largest_shift,
                      model.usual_shift + largest_shift);
    constexpr std::size_t rows = static_cast<std::size_t>(sorts) * expectations;
    model.deposit_table = tables.floats("deposits.table", rows * quantiles, 0.0f, 1e30f);
    for (std::size_t row = 0; row < rows; ++row) {
        const float* values = model.deposit_table.data() + row * quantiles;
        const int hits = hit_columns(values);
        for (int column = hits; column < quantiles; ++column)
            if (values[column] > values[hits])
                Tables::bad("deposits.table", "has hits behind a column without one, in row " +
                    std::to_string(row));
    }
    for (int sort = 0; sort < sorts; ++sort)
        model.bounds[sort] = bound_of(
            model.deposit_table.data() + static_cast<std::size_t>(sort) * expectations * quantiles);
}

void read_hit_numbers(const Tables& tables, Model& model) {
    HitNumbers& hits = model.hit_numbers;
    for (int layer = 0; layer < model.layers; ++layer)
        hits.group.push_back(layer < hit_layers_alone
                                 ? layer
                                 : hit_layers_alone + (layer - hit_layers_alone) / hit_layers_together);
    hits.groups = hits.group.back() + 1;
    hits.limit = faint_of_counted / model.per_faint;
    const std::size_t rows = static_cast<std::size_t>(model.knots) * hits.groups * hit_energies;
    for (const std::int32_t number :
         tables.places("hit_numbers.table", rows * hit_columns_of_number, most_hits + 1))
        hits.number.push_back(static_cast<std::uint8_t>(number));
    for (const float chance : tables.floats(
             "hit_numbers.chance", static_cast<std::size_t>(sorts) * expectations, 1e-12f, 1.0f))
        hits.one_over.push_back(hits.by_odds ? (1.0f - chance) / chance
                                             : (chance < 1.0f ? 1.0f : -1.0f) / (16777216.0f * chance));
}

void read_halo(const Tables& tables, Model& model) {
    if (model.whole) return;
    Halo& halo = model.halo;
    const std::size_t particles = tables.size("halo.number");
    if (particles == 0 || particles > most_particles) Tables::bad("halo.number", "has an impossible size");
    halo.particles = static_cast<int>(particles);
    halo.pads_x = model.image_x;
    halo.pads_y = model.image_y + 2 * model.most_followed;
    halo.leans = model.inclined ? halo_leans : 1;
    const std::size_t pads = static_cast<std::size_t>(halo.pads_x) * halo.pads_y;
    const std::size_t places = pads * model.layers * halo.leans;
    if (places > largest_cells) Tables::bad("halo.kept", "would be too large");
    halo.per_gev = tables.floats(
        "halo.per_gev", static_cast<std::size_t>(model.knots) * model.layers, 0.0f, 1e30f);
    const auto kept = tables.floats("halo.kept", places, -0.01f, 1.01f);
    const auto instead = tables.places("halo.instead", places, static_cast<double>(pads));
    halo.alias.resize(places);
    for (std::size_t i = 0; i < places; ++i) halo.alias[i] = {kept[i], instead[i]};
    halo.deposit = tables.floats("halo.deposit", halo_energies, 0.0f, 1e9f);
    for (const std::int32_t count : tables.places(
             "halo.poisson", static_cast<std::size_t>(poisson_means) * poisson_columns, 1e6))
        halo.poisson.push_back(static_cast<std::uint16_t>(std::min(count, most_particles)));
    halo.few = tables.floats("halo.pairs.few", 1, 0.0f, 1.0f)[0];
    halo.more = tables.floats("halo.pairs.more", 1, 0.0f, 1.0f)[0];
}

// Sets what the form of the tables says: whether the cells are those of a cylinder, and which of them come
// first where hits are counted.  Throws Error for forms that are not known; files of form 6 do not say all
// of their network's options.
void read_form(const Description& description, Model& model) {
    for (const bool in_rings : {false, true})
        for (const int form : {1, 2, 3, 4, 5, 7, 8, 9, 10, 11})
            if (description.says(in_rings ? "factorised_rings" : "factorised", std::to_string(form))) {
                model.in_rings = in_rings;
                model.hit_numbers.by_odds = form >= 10;
                return;
            }
    throw Error(CALOFORGE_NO_TABLES,
                "its tables are of a form that this version does not know (export the run again if "
                "it is older): only the engines onnx and openvino run it");
}

}  // namespace

Model read_model(std::string_view bytes) {
    const ModelFile file = parse_model_file(bytes);
    const auto description_text = file.metadata.find("caloforge.tables");
    if (description_text == file.metadata.end()) {
        if (file.metadata.find("caloforge.card") == file.metadata.end())
            throw Error(CALOFORGE_NOT_A_MODEL, "not a caloforge model: it has no model card");
        throw Error(CALOFORGE_NO_TABLES,
                    "it does not name its tables (another network than factorised, or exported by "
                    "an older caloforge): only the engines onnx and openvino run it");
    }
    const Description description(description_text->second);
    const Tables tables(file, description);
    Model model;
    read_form(description, model);
    model.converts = tables.has("layers.conversion.begun");
    model.draws_sum = tables.has("layers.weight");
    model.shared = tables.has("pattern.network.bias");
    model.sizes = tables.has("pattern.network.usual");
    model.moves_centre = tables.has("axis.pull") || tables.has("axis.off_centre");
    model.local = !tables.has("layers.colouring.transposed");
    read_geometry(description, model);
    read_facts(description, model);
    read_conditions(description, model);
    read_layers(tables, model);
    read_axis_and_pattern(tables, model);
    if (model.in_rings)
        read_field(tables, model);
    else if (model.has_core())
        read_core(tables, model);
    else if (tables.has("noise.core.share"))
        bad_description("window");
    read_deposits(tables, model);
    if (tables.has("hit_numbers.table")) read_hit_numbers(tables, model);
    read_halo(tables, model);
    return model;
}

}  // namespace caloforge
