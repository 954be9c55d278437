// A sensitive detector that sums energies in cells, of Geant4's steps and of fast showers alike.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "G4VFastSimSensitiveDetector.hh"
#include "G4VSensitiveDetector.hh"
#include "ShowerModel.hh"

// Cells of square pads behind each other; the sensitive slab's mother has the layer's number.
class Cells : public G4VSensitiveDetector, public G4VFastSimSensitiveDetector, public HitSink {
  public:
    Cells(const G4String& name, G4double pad);

    void Initialize(G4HCofThisEvent*) override { fEnergy.clear(); }
    void Deposit(const G4ThreeVector& place, G4int layer, G4double energy, G4double time) override;

    // Sum of an event, and number of cells with at least so much energy.
    G4double Sum() const;
    std::size_t Hits(G4double threshold) const;

  private:
    G4bool ProcessHits(G4Step* step, G4TouchableHistory*) override;
    G4bool ProcessHits(const G4FastHit* hit, const G4FastTrack* track,
                       G4TouchableHistory* where) override;

    const G4double fPad;
    std::unordered_map<std::uint64_t, G4double> fEnergy;
};
