// What examples/geant4 uses of Geant4 11.4, by its public headers: signatures, and bodies that do
// as little as they can.  Every Geant4 header of the example is this one in the tests.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

using G4bool = bool;
using G4int = int;
using G4double = double;
using G4String = std::string;
#define G4ThreadLocal thread_local

constexpr G4double mm = 1, m = 1000, cm3 = 1000, MeV = 1, GeV = 1000, eV = 1e-6, ns = 1,
                   g = 6.24e21;

inline G4double G4UniformRand() {
    static G4double last = 0.1;
    return last = std::fmod(last * 16807 + 0.3, 1.0);
}

struct G4ThreeVector {
    G4ThreeVector() = default;
    G4ThreeVector(G4double x, G4double y, G4double z) : v{x, y, z} {}
    G4double x() const { return v[0]; }
    G4double y() const { return v[1]; }
    G4double z() const { return v[2]; }
    G4double v[3] = {0, 0, 0};
};
inline G4ThreeVector operator/(const G4ThreeVector& a, G4double b) {
    return {a.x() / b, a.y() / b, a.z() / b};
}
inline G4ThreeVector operator+(const G4ThreeVector& a, const G4ThreeVector& b) {
    return {a.x() + b.x(), a.y() + b.y(), a.z() + b.z()};
}

struct G4ParticleDefinition {
    const G4String& GetParticleName() const { return name; }
    G4String name;
};
struct G4ParticleTable {
    static G4ParticleTable* GetParticleTable() { return nullptr; }
    G4ParticleDefinition* FindParticle(const G4String&) { return nullptr; }
};

struct G4Element {};
struct G4Material {
    G4Material(const G4String&, G4double, G4int) {}
    void AddElement(G4Element*, G4double) {}
    const G4String& GetName() const { return name; }
    G4String name;
};
struct G4NistManager {
    static G4NistManager* Instance() { return nullptr; }
    G4Material* FindOrBuildMaterial(const G4String&) { return nullptr; }
    G4Element* FindOrBuildElement(const G4String&) { return nullptr; }
};

struct G4VSolid {
    virtual ~G4VSolid() = default;
    virtual void BoundingLimits(G4ThreeVector& low, G4ThreeVector& high) const = 0;
};
struct G4Box : G4VSolid {
    G4Box(const G4String&, G4double x, G4double y, G4double z) : half(x, y, z) {}
    void BoundingLimits(G4ThreeVector& low, G4ThreeVector& high) const override {
        low = half / -1;
        high = half;
    }
    G4ThreeVector half;
};
class G4VSensitiveDetector;
struct G4LogicalVolume {
    G4LogicalVolume(G4VSolid*, G4Material*, const G4String&) {}
    const G4String& GetName() const { return name; }
    G4String name;
};
struct G4RotationMatrix {};
struct G4VPhysicalVolume {};
struct G4PVPlacement : G4VPhysicalVolume {
    G4PVPlacement(G4RotationMatrix*, const G4ThreeVector&, G4LogicalVolume*, const G4String&,
                  G4LogicalVolume*, G4bool, G4int) {}
};
struct G4Region {
    explicit G4Region(const G4String&) {}
    void AddRootLogicalVolume(G4LogicalVolume*) {}
};
struct G4RegionStore {
    static G4RegionStore* GetInstance() { return nullptr; }
    G4Region* GetRegion(const G4String&) const { return nullptr; }
};
using G4Envelope = G4Region;

struct G4VTouchable {
    virtual ~G4VTouchable() = default;
    virtual G4int GetCopyNumber(G4int = 0) const { return 0; }
};
struct G4TouchableHistory : G4VTouchable {};
struct G4StepPoint {
    const G4ThreeVector& GetPosition() const { return position; }
    G4double GetGlobalTime() const { return 0; }
    const G4VTouchable* GetTouchable() const { return nullptr; }
    G4ThreeVector position;
};
struct G4Step {
    G4double GetTotalEnergyDeposit() const { return 0; }
    G4StepPoint* GetPreStepPoint() const { return nullptr; }
    G4StepPoint* GetPostStepPoint() const { return nullptr; }
};
struct G4Track {
    G4double GetKineticEnergy() const { return energy; }
    G4double GetGlobalTime() const { return time; }
    G4double energy = 0, time = 0;
};

struct G4FastTrack {
    const G4Track* GetPrimaryTrack() const { return &track; }
    G4VSolid* GetEnvelopeSolid() const { return solid; }
    G4ThreeVector GetPrimaryTrackLocalPosition() const { return position; }
    G4ThreeVector GetPrimaryTrackLocalDirection() const { return direction; }
    G4Track track;
    G4VSolid* solid = nullptr;
    G4ThreeVector position, direction;
};
struct G4FastStep {
    void KillPrimaryTrack() { killed = true; }
    void ProposePrimaryTrackPathLength(G4double) {}
    void ProposeTotalEnergyDeposited(G4double energy) { deposited = energy; }
    bool killed = false;
    G4double deposited = -1;
};
struct G4FastHit {
    G4FastHit(const G4ThreeVector& where, G4double much) : position(where), energy(much) {}
    G4double GetEnergy() const { return energy; }
    G4ThreeVector GetPosition() const { return position; }
    G4ThreeVector position;
    G4double energy;
};
struct G4FastSimHitMaker {
    void make(const G4FastHit& hit, const G4FastTrack&) { made.push_back(hit); }
    static inline std::vector<G4FastHit> made;
};
struct G4VFastSimulationModel {
    explicit G4VFastSimulationModel(const G4String&, G4Envelope*, G4bool = false) {}
    virtual ~G4VFastSimulationModel() = default;
    virtual G4bool IsApplicable(const G4ParticleDefinition&) = 0;
    virtual G4bool ModelTrigger(const G4FastTrack&) = 0;
    virtual void DoIt(const G4FastTrack&, G4FastStep&) = 0;
};

struct G4HCofThisEvent {};
class G4VSensitiveDetector {
  public:
    explicit G4VSensitiveDetector(G4String) {}
    virtual ~G4VSensitiveDetector() = default;
    virtual void Initialize(G4HCofThisEvent*) {}

  private:
    virtual G4bool ProcessHits(G4Step*, G4TouchableHistory*) = 0;
};
class G4VFastSimSensitiveDetector {
  public:
    virtual ~G4VFastSimSensitiveDetector() = default;

  private:
    virtual G4bool ProcessHits(const G4FastHit*, const G4FastTrack*, G4TouchableHistory*) = 0;
};
struct G4SDManager {
    static G4SDManager* GetSDMpointer() { return nullptr; }
    void AddNewDetector(G4VSensitiveDetector*) {}
};
class G4VUserDetectorConstruction {
  public:
    virtual ~G4VUserDetectorConstruction() = default;
    virtual G4VPhysicalVolume* Construct() = 0;
    virtual void ConstructSDandField() {}

  protected:
    void SetSensitiveDetector(G4LogicalVolume*, G4VSensitiveDetector*) {}
};

struct G4VPhysicsConstructor {
    virtual ~G4VPhysicsConstructor() = default;
};
struct G4EmStandardPhysics : G4VPhysicsConstructor {};
struct G4FastSimulationPhysics : G4VPhysicsConstructor {
    void ActivateFastSimulation(G4String, G4String = "") {}
};
struct G4VUserPhysicsList {
    virtual ~G4VUserPhysicsList() = default;
    void SetDefaultCutValue(G4double) {}
};
struct G4VModularPhysicsList : virtual G4VUserPhysicsList {
    void RegisterPhysics(G4VPhysicsConstructor*) {}
};
struct G4Event {};
struct G4ParticleGun {
    explicit G4ParticleGun(G4int) {}
    void SetParticleDefinition(G4ParticleDefinition*) {}
    void SetParticleEnergy(G4double) {}
    void SetParticleMomentumDirection(const G4ThreeVector&) {}
    void SetParticlePosition(const G4ThreeVector&) {}
    void GeneratePrimaryVertex(G4Event*) {}
};
struct G4VUserPrimaryGeneratorAction {
    virtual ~G4VUserPrimaryGeneratorAction() = default;
    virtual void GeneratePrimaries(G4Event*) = 0;
};
struct G4UserEventAction {
    virtual ~G4UserEventAction() = default;
    virtual void EndOfEventAction(const G4Event*) {}
};
struct G4RunManager {
    virtual ~G4RunManager() = default;
    void SetUserInitialization(G4VUserDetectorConstruction*) {}
    void SetUserInitialization(G4VUserPhysicsList*) {}
    void SetUserAction(G4VUserPrimaryGeneratorAction*) {}
    void SetUserAction(G4UserEventAction*) {}
    void Initialize() {}
    void BeamOn(G4int) {}
};
enum class G4RunManagerType { SerialOnly };
struct G4RunManagerFactory {
    static G4RunManager* CreateRunManager(G4RunManagerType) { return nullptr; }
};
