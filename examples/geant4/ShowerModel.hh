// Geant4's fast simulation with a caloforge model: particles end at the calorimeter's front.
#pragma once

#include <memory>

#include "G4FastSimHitMaker.hh"
#include "G4ThreeVector.hh"
#include "G4VFastSimulationModel.hh"
#include "caloforge.hpp"

// Where a shower's hits go, if not through G4FastSimHitMaker.
class HitSink {
  public:
    virtual ~HitSink() = default;
    // Energy in the cell of a layer (from 0, at the front) at a place in the envelope's frame.
    virtual void Deposit(const G4ThreeVector& local, G4int layer, G4double energy,
                         G4double time) = 0;
};

// For an envelope in whose frame z is the depth and x, y are the pads' directions.  Each thread has
// its own ShowerModel; the caloforge::Model is shared, and must outlive them.
class ShowerModel : public G4VFastSimulationModel {
  public:
    // Without a sink, G4FastSimHitMaker looks for the sensitive detector at each hit: nothing but
    // G4VFastSimSensitiveDetector is asked of it, and each hit costs a look-up in the geometry.
    ShowerModel(const G4String& name, G4Region* envelope, const caloforge::Model& model,
                HitSink* sink = nullptr);

    G4bool IsApplicable(const G4ParticleDefinition& particle) override;
    G4bool ModelTrigger(const G4FastTrack& track) override;
    void DoIt(const G4FastTrack& track, G4FastStep& step) override;

  private:
    caloforge::Particle Entering(const G4FastTrack& track) const;

    const caloforge::Model& fModel;
    const caloforge::Card fCard;
    caloforge::Maker fMaker;
    HitSink* fSink;
    G4FastSimHitMaker fHitMaker;
};
