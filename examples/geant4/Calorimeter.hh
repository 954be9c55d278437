// CLIC's ECAL, the detector of the bundled models, from z = 0 on; its envelope is a region.
#pragma once

#include <string>

#include "Cells.hh"
#include "G4VUserDetectorConstruction.hh"
#include "caloforge.hpp"

class G4LogicalVolume;
class G4Material;

// How hits of the model reach the sensitive detector; Full: no model, Geant4 alone.
enum class Way { Full, Direct, HitMaker };

class Calorimeter : public G4VUserDetectorConstruction {
  public:
    Calorimeter(const caloforge::Model& model, Way way);
    G4VPhysicalVolume* Construct() override;
    void ConstructSDandField() override;

    static Cells* ThisThreadsCells();

  private:
    const caloforge::Model& fModel;
    const Way fWay;
    G4LogicalVolume* fEnvelope = nullptr;
    std::vector<G4LogicalVolume*> fSensitive;
};
