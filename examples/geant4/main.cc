// Electrons into CLIC's ECAL, with a caloforge model at its front or without:
//
//     geant4_showers MODEL.onnx [direct | hitmaker | full] [EVENTS] [GEV]
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <string>

#include "Calorimeter.hh"
#include "G4EmStandardPhysics.hh"
#include "G4Event.hh"
#include "G4FastSimulationPhysics.hh"
#include "G4ParticleGun.hh"
#include "G4ParticleTable.hh"
#include "G4RunManagerFactory.hh"
#include "G4SystemOfUnits.hh"
#include "G4UserEventAction.hh"
#include "G4VModularPhysicsList.hh"
#include "G4VUserPrimaryGeneratorAction.hh"
#include "Randomize.hh"

namespace {
constexpr G4double threshold = 10 * eV, cut = 0.7 * mm, face = 60 * mm;

class Physics : public G4VModularPhysicsList {
  public:
    explicit Physics(const std::string& particle) {
        RegisterPhysics(new G4EmStandardPhysics());
        auto* fast = new G4FastSimulationPhysics();
        fast->ActivateFastSimulation(particle);
        RegisterPhysics(fast);
        SetDefaultCutValue(cut);
    }
};

class Gun : public G4VUserPrimaryGeneratorAction {
  public:
    Gun(const std::string& particle, G4double energy) : fGun(1) {
        fGun.SetParticleDefinition(G4ParticleTable::GetParticleTable()->FindParticle(particle));
        fGun.SetParticleEnergy(energy);
        fGun.SetParticleMomentumDirection({0, 0, 1});
    }
    void GeneratePrimaries(G4Event* event) override {
        const G4double x = (2 * G4UniformRand() - 1) * face, y = (2 * G4UniformRand() - 1) * face;
        fGun.SetParticlePosition({x, y, -5 * mm});
        fGun.GeneratePrimaryVertex(event);
    }

  private:
    G4ParticleGun fGun;
};

class Sums : public G4UserEventAction {
  public:
    void EndOfEventAction(const G4Event*) override {
        fEnergy += Calorimeter::ThisThreadsCells()->Sum();
        fHits += static_cast<G4double>(Calorimeter::ThisThreadsCells()->Hits(threshold));
    }
    G4double fEnergy = 0, fHits = 0;
};

int Run(const char* path, const std::string& way, int events, double gev) {
    const caloforge::Model model(path);
    const std::string particle = model.card().particle;
    auto* manager = G4RunManagerFactory::CreateRunManager(G4RunManagerType::SerialOnly);
    const Way how = way == "full" ? Way::Full : way == "direct" ? Way::Direct : Way::HitMaker;
    manager->SetUserInitialization(new Calorimeter(model, how));
    manager->SetUserInitialization(new Physics(particle));
    manager->SetUserAction(new Gun(particle, gev * GeV));
    auto* sums = new Sums;
    manager->SetUserAction(sums);
    manager->Initialize();
    manager->BeamOn(1);  // builds the physics' tables
    sums->fEnergy = sums->fHits = 0;
    const std::clock_t began = std::clock();
    manager->BeamOn(events);
    const double ms = 1e3 * static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
    std::printf("%s: response %.4f, %.1f hits, %.4g ms of processor time an event\n", way.c_str(),
                sums->fEnergy / (events * gev * GeV), sums->fHits / events, ms / events);
    delete manager;
    return 0;
}
}  // namespace

int main(int count, char** given) {
    const std::string way = count > 2 ? given[2] : "direct";
    const int events = count > 3 ? std::atoi(given[3]) : 100;
    const double gev = count > 4 ? std::atof(given[4]) : 50;
    if (count < 2 || (way != "full" && way != "direct" && way != "hitmaker") || events < 1 ||
        !(gev > 0)) {
        std::fprintf(stderr, "geant4_showers MODEL.onnx [direct | hitmaker | full] [EVENTS] [GEV]\n");
        return 2;
    }
    try {
        return Run(given[1], way, events, gev);
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "geant4_showers: %s\n", problem.what());
        return 1;
    }
}
