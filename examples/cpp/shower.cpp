// The hits of one electron, where they are in the detector.   shower MODEL.onnx
#include <caloforge.hpp>
#include <cstdio>

int main(int count, char** words) try {
    const caloforge::Model model(count > 1 ? words[1] : "");
    model.check_detector("clic_ecal");
    caloforge::Maker maker(model);
    const caloforge::Particle electron("e-", 50.0f, {0, 0, 1500}, {0, 0, 1});
    for (const caloforge::Hit& hit : maker.simulate(42, 0, electron))
        std::printf("%u %u %g %g %g %g %g\n", hit.cell, hit.layer, hit.x, hit.y, hit.z, hit.energy,
                    hit.time);
} catch (const caloforge::Error& error) {
    std::fprintf(stderr, "shower: %s\n", error.what());
    return 1;
}
