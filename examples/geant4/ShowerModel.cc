#include "ShowerModel.hh"

#include <cmath>
#include <cstdint>

#include "G4FastHit.hh"
#include "G4FastStep.hh"
#include "G4FastTrack.hh"
#include "G4ParticleDefinition.hh"
#include "G4SystemOfUnits.hh"
#include "G4Track.hh"
#include "G4VSolid.hh"
#include "Randomize.hh"

namespace {
constexpr G4double atTheFront = 1e-3 * mm;
constexpr caloforge::Vector3 pad{0, 0, 0};  // the middle of any of the envelope's pads, mm
}

ShowerModel::ShowerModel(const G4String& name, G4Region* envelope, const caloforge::Model& model,
                         HitSink* sink)
    : G4VFastSimulationModel(name, envelope), fModel(model), fCard(model.card()), fMaker(model),
      fSink(sink) {}

G4bool ShowerModel::IsApplicable(const G4ParticleDefinition& particle) {
    return particle.GetParticleName() == fCard.particle;
}

// Particles that enter through the front, of an energy and angle that the model was made for.  All
// others are Geant4's: those born inside, those that come from the side, those out of range.
G4bool ShowerModel::ModelTrigger(const G4FastTrack& track) {
    G4ThreeVector low, high;
    track.GetEnvelopeSolid()->BoundingLimits(low, high);
    if (track.GetPrimaryTrackLocalPosition().z() > low.z() + atTheFront) return false;
    if (track.GetPrimaryTrackLocalDirection().z() <= 0) return false;
    const caloforge::Particle particle = Entering(track);
    char why_not[CALOFORGE_MESSAGE];
    return caloforge_check_particle(fModel.get(), &particle, why_not, sizeof why_not) ==
           CALOFORGE_OK;
}

void ShowerModel::DoIt(const G4FastTrack& track, G4FastStep& step) {
    step.KillPrimaryTrack();
    step.ProposePrimaryTrackPathLength(0);
    step.ProposeTotalEnergyDeposited(0);
    // Geant4's random numbers, and so the event's seed, fix the shower.
    const auto seed = static_cast<std::uint64_t>(std::ldexp(G4UniformRand(), 53));
    const G4double arrived = track.GetPrimaryTrack()->GetGlobalTime();
    for (const caloforge::Hit& hit : fMaker.simulate(seed, 0, Entering(track), &pad)) {
        const G4ThreeVector place(hit.x * mm, hit.y * mm, hit.z * mm);
        if (fSink == nullptr) {
            fHitMaker.make(G4FastHit(place, hit.energy * GeV), track);
        } else {
            fSink->Deposit(place, static_cast<G4int>(hit.layer), hit.energy * GeV,
                           arrived + hit.time * ns);
        }
    }
}

caloforge::Particle ShowerModel::Entering(const G4FastTrack& track) const {
    const G4ThreeVector place = track.GetPrimaryTrackLocalPosition() / mm;
    const G4ThreeVector flight = track.GetPrimaryTrackLocalDirection();
    const auto energy = static_cast<float>(track.GetPrimaryTrack()->GetKineticEnergy() / GeV);
    return caloforge::Particle(fCard.particle, energy, {place.x(), place.y(), place.z()},
                               {flight.x(), flight.y(), flight.z()}, {0, 0, 1}, {0, 1, 0});
}
