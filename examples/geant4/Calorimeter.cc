#include "Calorimeter.hh"

#include <utility>
#include <vector>

#include "G4Box.hh"
#include "G4LogicalVolume.hh"
#include "G4Material.hh"
#include "G4NistManager.hh"
#include "G4PVPlacement.hh"
#include "G4Region.hh"
#include "G4RegionStore.hh"
#include "G4SDManager.hh"
#include "G4SystemOfUnits.hh"
#include "ShowerModel.hh"

namespace {
constexpr G4double half = 350 * mm, pad = 5.1 * mm;
const G4String region = "ECAL";
G4ThreadLocal Cells* cells = nullptr;

G4Material* Mixture(const G4String& name, G4double density,
                    const std::vector<std::pair<G4String, G4double>>& parts) {
    G4double sum = 0;
    for (const auto& part : parts) sum += part.second;
    auto* material = new G4Material(name, density, static_cast<G4int>(parts.size()));
    for (const auto& part : parts) {
        G4Element* element = G4NistManager::Instance()->FindOrBuildElement(part.first);
        material->AddElement(element, part.second / sum);
    }
    return material;
}

G4LogicalVolume* Slab(const G4String& name, G4double thickness, G4Material* material) {
    return new G4LogicalVolume(new G4Box(name, half, half, thickness / 2), material, name);
}

void Place(G4LogicalVolume* slab, G4LogicalVolume* mother, G4double z, G4int number) {
    new G4PVPlacement(nullptr, {0, 0, z}, slab, slab->GetName(), mother, false, number);
}
}  // namespace

Calorimeter::Calorimeter(const caloforge::Model& model, Way way) : fModel(model), fWay(way) {
    fModel.check_detector("clic_ecal");
}

G4VPhysicalVolume* Calorimeter::Construct() {
    auto* air = G4NistManager::Instance()->FindOrBuildMaterial("G4_AIR");
    auto* vacuum = G4NistManager::Instance()->FindOrBuildMaterial("G4_Galactic");
    auto* silicon = G4NistManager::Instance()->FindOrBuildMaterial("G4_Si");
    auto* tungsten = Mixture("W alloy", 17.8 * g / cm3, {{"W", 0.93}, {"Ni", 0.061}, {"Fe", 0.009}});
    auto* ground = Mixture("GroundOrHVMix", 5.19 * g / cm3,
                           {{"H", 0.003}, {"C", 0.094}, {"N", 0.010}, {"O", 0.028}, {"Cu", 0.863}});
    auto* board = Mixture("siPCBMix", 5.05 * g / cm3,
                          {{"Cl", 0.014}, {"O", 0.083}, {"Si", 0.065}, {"H", 0.003}, {"C", 0.014},
                           {"Cu", 0.818}});
    const G4double depth = 17 * 4.4 * mm + 8 * 6.8 * mm;
    auto* world = new G4LogicalVolume(new G4Box("world", 2 * half, 2 * half, 1 * m), vacuum, "world");
    fEnvelope = Slab("ECAL", depth, air);
    Place(fEnvelope, world, depth / 2, 0);
    (new G4Region(region))->AddRootLogicalVolume(fEnvelope);

    G4double front = -depth / 2;
    for (G4int layer = 0; layer < 25; ++layer) {
        const G4double absorber = layer < 17 ? 2.4 * mm : 4.8 * mm, thickness = absorber + 2 * mm;
        auto* volume = Slab("layer", thickness, air);
        Place(volume, fEnvelope, front + thickness / 2, layer);
        G4double z = -thickness / 2;
        // 0.25 mm of air behind the tungsten and at the end, 0.1 mm behind the silicon
        const std::vector<std::pair<G4Material*, G4double>> stack = {
            {tungsten, absorber}, {nullptr, 0.25 * mm}, {ground, 0.1 * mm}, {silicon, 0.5 * mm},
            {nullptr, 0.1 * mm}, {board, 0.8 * mm}, {nullptr, 0.25 * mm}};
        for (const auto& [material, width] : stack) {
            if (material != nullptr) {
                auto* slab = Slab(material->GetName(), width, material);
                Place(slab, volume, z + width / 2, 0);
                if (material == silicon) fSensitive.push_back(slab);
            }
            z += width;
        }
        front += thickness;
    }
    return new G4PVPlacement(nullptr, {}, world, "world", nullptr, false, 0);
}

// Once in each thread.
void Calorimeter::ConstructSDandField() {
    cells = new Cells("cells", pad);
    G4SDManager::GetSDMpointer()->AddNewDetector(cells);
    for (G4LogicalVolume* slab : fSensitive) SetSensitiveDetector(slab, cells);
    if (fWay == Way::Full) return;
    new ShowerModel("caloforge", G4RegionStore::GetInstance()->GetRegion(region), fModel,
                    fWay == Way::Direct ? cells : nullptr);
}

Cells* Calorimeter::ThisThreadsCells() { return cells; }
