// Asks the example's ShowerModel what Geant4 would, with electrons at the front of an envelope.
#include <cstdio>

#include "Cells.hh"
#include "ShowerModel.hh"

int main(int, char** given) {
    const caloforge::Model model(given[1]);
    Cells cells("cells", 5.1);
    ShowerModel direct("direct", nullptr, model, &cells), searching("searching", nullptr, model);
    G4Box envelope("envelope", 350, 350, 64.6);
    G4FastTrack track;
    track.solid = &envelope;
    track.track.energy = 50 * GeV;
    track.position = {10.2, -5.1, -64.6};
    track.direction = {0, 0, 1};

    const auto taken = [&] { return direct.ModelTrigger(track) ? 1 : 0; };
    std::printf("%d", taken());
    track.track.energy = 600 * GeV;
    std::printf(" %d", taken());
    track.track.energy = 50 * GeV;
    track.position = {10.2, -5.1, 0};
    std::printf(" %d", taken());
    track.position = {10.2, -5.1, -64.6};
    track.direction = {0, 0, -1};
    std::printf(" %d", taken());
    track.direction = {0.6, 0, 0.8};
    std::printf(" %d", taken());
    track.direction = {0, 0, 1};
    std::printf(" %d%d\n", direct.IsApplicable({"e-"}), direct.IsApplicable({"pi-"}));

    G4FastStep step;
    direct.DoIt(track, step);
    searching.DoIt(track, step);
    double x = 0, z = 0, sum = 0;
    for (const G4FastHit& hit : G4FastSimHitMaker::made) {
        x += hit.energy * hit.position.x(), z += hit.energy * hit.position.z(), sum += hit.energy;
    }
    std::printf("%d %g %g %zu %g %zu %g %g\n", step.killed, step.deposited, cells.Sum(),
                cells.Hits(10 * eV), sum, G4FastSimHitMaker::made.size(), x / sum, z / sum);
}
