#include "Cells.hh"

#include <cmath>

#include "G4FastHit.hh"
#include "G4FastTrack.hh"
#include "G4Step.hh"
#include "G4TouchableHistory.hh"
#include "G4Track.hh"

namespace {
constexpr G4int layerDepth = 1;  // levels above the sensitive slab
constexpr int bits = 16;         // of a pad's number
constexpr G4double middle = 1 << (bits - 1);
}  // namespace

Cells::Cells(const G4String& name, G4double pad) : G4VSensitiveDetector(name), fPad(pad) {}

void Cells::Deposit(const G4ThreeVector& place, G4int layer, G4double energy, G4double) {
    const auto x = static_cast<std::uint64_t>(std::floor(place.x() / fPad + 0.5) + middle);
    const auto y = static_cast<std::uint64_t>(std::floor(place.y() / fPad + 0.5) + middle);
    fEnergy[(static_cast<std::uint64_t>(layer) << 2 * bits) | (x << bits) | y] += energy;
}

G4bool Cells::ProcessHits(G4Step* step, G4TouchableHistory*) {
    const G4double energy = step->GetTotalEnergyDeposit();
    if (energy == 0) return false;
    const G4StepPoint* before = step->GetPreStepPoint();
    const G4ThreeVector place = (before->GetPosition() + step->GetPostStepPoint()->GetPosition()) / 2;
    Deposit(place, before->GetTouchable()->GetCopyNumber(layerDepth), energy,
            before->GetGlobalTime());
    return true;
}

G4bool Cells::ProcessHits(const G4FastHit* hit, const G4FastTrack* track,
                          G4TouchableHistory* where) {
    Deposit(hit->GetPosition(), where->GetCopyNumber(layerDepth), hit->GetEnergy(),
            track->GetPrimaryTrack()->GetGlobalTime());
    return true;
}

G4double Cells::Sum() const {
    G4double sum = 0;
    for (const auto& [cell, energy] : fEnergy) sum += energy;
    return sum;
}

std::size_t Cells::Hits(G4double threshold) const {
    std::size_t hits = 0;
    for (const auto& [cell, energy] : fEnergy) hits += energy >= threshold;
    return hits;
}
