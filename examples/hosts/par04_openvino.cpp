// A graph that `caloforge export MODEL --for par04` wrote, called as Geant4's example Par04 calls
// it in its VAE mode, here with OpenVINO: one input, output read flat, hits placed on the mesh.
//
//   par04_openvino GRAPH.onnx ENERGY_MEV SHOWERS SEED RING_MM SLICE_MM
//
// prints the mean response (sum over Ep) and the mean barycentre x, y, depth of the hits in mm.

#include <array>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include <openvino/openvino.hpp>

namespace {

constexpr std::size_t kLatent = 10, kConditions = 4;
constexpr double kMaxEnergy = 1024000.0, kMaxAngle = 90.0, kPi = 3.14159265358979323846;

struct Mesh {
  std::size_t rings, sectors, slices;
  double ring_mm, slice_mm;

  // The host's GetPositions for a particle along z that enters at the origin.
  std::vector<std::array<double, 3>> positions() const {
    std::vector<std::array<double, 3>> all;
    all.reserve(rings * sectors * slices);
    for (std::size_t i = 0; i < rings; ++i) {
      for (std::size_t j = 0; j < sectors; ++j) {
        const double rho = (i + 0.5) * ring_mm, phi = (j + 0.5) * 2 * kPi / sectors - kPi;
        for (std::size_t k = 0; k < slices; ++k) {
          all.push_back({rho * std::cos(phi), rho * std::sin(phi), (k + 0.5) * slice_mm});
        }
      }
    }
    return all;
  }
};

int run(char** argument) {
  const double energy = std::atof(argument[2]);
  const int showers = std::atoi(argument[3]);
  std::mt19937 engine(std::atoi(argument[4]));
  std::normal_distribution<float> gauss;

  ov::Core core;
  auto model = core.compile_model(argument[1], "CPU", ov::inference_num_threads(1),
                                  ov::hint::inference_precision(ov::element::f32));
  auto request = model.create_infer_request();
  float* input = request.get_input_tensor().data<float>();  // the names do not matter
  const ov::Shape shape = model.output().get_shape();
  const Mesh mesh{shape[1], shape[2], shape[3], std::atof(argument[5]), std::atof(argument[6])};
  const auto positions = mesh.positions();

  double total = 0.0;
  std::array<double, 3> moment{};
  for (int shower = 0; shower < showers; ++shower) {
    for (std::size_t i = 0; i < kLatent; ++i) input[i] = gauss(engine);
    const std::array<double, kConditions> conditions{energy / kMaxEnergy, 90.0 / kMaxAngle, 0, 1};
    for (std::size_t i = 0; i < kConditions; ++i) {
      input[kLatent + i] = static_cast<float>(conditions[i]);
    }
    request.infer();
    const float* fraction = request.get_output_tensor().data<float>();
    for (std::size_t hit = 0; hit < positions.size(); ++hit) {
      total += fraction[hit];
      for (std::size_t axis = 0; axis < 3; ++axis) {
        moment[axis] += fraction[hit] * positions[hit][axis];
      }
    }
  }
  std::cout << total / showers;
  for (const double each : moment) std::cout << ' ' << each / total;
  std::cout << '\n';
  return 0;
}

}  // namespace

int main(int count, char** argument) {
  if (count != 7) {
    std::cerr << "usage: par04_openvino GRAPH.onnx ENERGY_MEV SHOWERS SEED RING_MM SLICE_MM\n";
    return 2;
  }
  try {
    return run(argument);
  } catch (const std::exception& problem) {
    std::cerr << "par04_openvino: " << problem.what() << '\n';
    return 1;
  }
}
