#include "card.hpp"

#include <cstdio>

#include "json.hpp"
#include "model_file.hpp"

namespace caloforge {
namespace {

constexpr double degree = 0.017453292519943295;
constexpr char unknown[] = "unknown";  // the particle of a model that nothing told its own

Range range(const Json& card, const char* name) {
    const auto ends = card.numbers(name, 2);
    if (!(ends[0] > 0 && ends[0] <= ends[1])) damaged_card(name);
    return {ends[0], ends[1]};
}

void read_placement(const Json& json, Card& card) {
    if (json.find("placement") == nullptr) return;
    using Texts = std::vector<std::string>;
    if (json.texts("placement.units") != Texts{"mm", "mm"} ||
        json.texts("placement.axes") != Texts{"x", "y", "layer"})
        return;  // of rings and sectors
    const auto origin = json.numbers("placement.origin", 2);
    const auto pitch = json.numbers("placement.pitch", 2);
    for (int side = 0; side < 2; ++side) {
        if (!(pitch[side] > 0)) damaged_card("placement.pitch");
        card.origin_mm[side] = origin[side];
        card.pitch_mm[side] = pitch[side];
    }
    card.depths_mm = json.numbers("placement.layer_depths_mm", card.shape[2]);
}

[[noreturn]] void outside(const Card& card, const char* what, double value, Range range,
                          double unit, const char* unit_name) {
    char line[160];
    std::snprintf(line, sizeof line, " %g %s is outside the model's range %g-%g %s", value / unit,
                  unit_name, range.low / unit, range.high / unit, unit_name);
    throw Error(CALOFORGE_OUT_OF_RANGE, card.name + ": " + what + line);
}

}  // namespace

void Card::check_detector(const std::string& asked) const {
    if (asked != detector)
        throw Error(CALOFORGE_OTHER, name + " is a model of the detector " + detector + ", not of " + asked);
}

void Card::check_particle(const std::string& asked) const {
    if (asked != particle && particle != unknown)
        throw Error(CALOFORGE_OTHER, name + " makes showers of " + particle + ", not of " + asked);
}

void Card::check_range(double energy, double theta) const {
    if (!energy_gev.holds(energy)) outside(*this, "energy", energy, energy_gev, 1.0, "GeV");
    if (!theta_rad.holds(theta)) outside(*this, "theta", theta, theta_rad, degree, "degrees");
}

void Card::check_placement() const {
    if (depths_mm.empty())
        throw Error(CALOFORGE_NO_PLACEMENT,
                    name + ": its card does not say where pads are: it is of rings, or of version 1 "
                    "(caloforge export OLD.onnx -o NEW.onnx renews it)");
}

Card read_card(std::string_view bytes, const Model& model) {
    const ModelFile file = parse_model_file(bytes);
    const auto text = file.metadata.find("caloforge.card");
    if (text == file.metadata.end())
        throw Error(CALOFORGE_NOT_A_MODEL, "not a caloforge model: it has no model card");
    const Json json = Json::parse(text->second);
    Card card;
    card.name = json.text("name");
    card.detector = json.text("detector.name");
    card.detector_digest = json.text("detector_digest");
    card.particle = json.text("particle");
    card.energy_gev = range(json, "energy_range_gev");
    card.theta_rad = range(json, "theta_range_rad");
    card.shape = {model.image_x, model.image_y, model.layers};
    read_placement(json, card);
    return card;
}

}  // namespace caloforge
