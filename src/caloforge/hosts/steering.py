"""The macro or steering file of each host, with the model's mesh, sizes, region and energies."""

from caloforge.card import ModelCard
from caloforge.hosts.ddml import gan_cells
from caloforge.hosts.fastcalosim import layer_bins
from caloforge.hosts.mesh import Mesh
from caloforge.hosts.par04 import CONDITIONS, LATENT
from caloforge.units import mm

INNER_RADIUS = "80 cm"
"""Of Par04's calorimeter."""
SYMMETRY = 12
"""Sides of the barrels of CLIC and CLD; ILD's have 8."""


def par04_macro(card: ModelCard, name: str, mesh: Mesh, mode: str) -> str:
    """A macro of Geant4's example Par04 that runs 100 showers with the model."""
    low, high = card.energy_range_gev
    size = f"{mesh.ring_mm:g} mm", f"{mesh.slice_mm:g} mm"
    cells = dict(zip(("Rho", "Phi", "Z"), mesh.shape, strict=True))
    numbers = [f"setNbOf{axis}Cells {number}" for axis, number in cells.items()]
    sizes = [f"setSizeOf{axis}Cells {each}" for axis, each in zip(("Rho", "Z"), size, strict=True)]
    latent = [f"setSizeLatentVector {LATENT}", f"setSizeConditionVector {CONDITIONS}"]
    inference = [
        *(latent if mode == "VAE" else []),
        f"setModelPathName {name}.onnx", f"setModelType {mode}",
        "setProfileFlag 0", "setOptimizationFlag 0", "setCudaFlag 0",
        *sizes, *numbers, "setInferenceLibrary ONNX",
    ]  # fmt: skip
    return "\n".join(
        [
            f"# Par04 ({mode}) with {card.name}: {card.particle}, {low:g}-{high:g} GeV",
            "/process/had/verbose 0",
            f"/Par04/detector/setDetectorInnerRadius {INNER_RADIUS}",
            "/Par04/detector/setDetectorLength 2 m",
            *_par04_layers(card),
            *(f"/Par04/mesh/{command}" for command in (*sizes, *numbers)),
            "/Par04/parallel/setNbOfSlices 320",
            "/Par04/parallel/setNbOfRows 100",
            "/run/initialize",
            f"/gun/particle {'e-' if card.particle == 'unknown' else card.particle}",
            f"/gun/energy {(low * high) ** 0.5:.4g} GeV",
            "/gun/position 0 0 0",
            "/gun/direction 0 1 0",
            *(f"/Par04/inference/{command}" for command in inference),
            f"/analysis/setFileName {name}.root",
            "/param/ActivateModel defineMesh",
            "/param/ActivateModel inferenceModel",
            "/run/beamOn 100",
            "",
        ]
    )


def _par04_layers(card: ModelCard) -> list[str]:
    """Par04's sheets of two materials: the model's own where they are such, else the example's."""
    detector = card.detector
    sheets = [
        (detector.materials[slab.material].nist, slab.thickness_mm)
        for layer in detector.layers
        for _ in range(layer.count)
        for slab in layer.stack
    ]
    pairs = set(zip(sheets[::2], sheets[1::2], strict=False))
    own = len(sheets) % 2 == 0 and len(pairs) == 1 and all(nist for nist, _ in sheets)
    note = [] if own else ["# Par04 cannot build the model's own layers: these are the example's."]
    first, second = sheets[:2] if own else [("G4_W", 1.4), ("G4_Si", 0.3)]
    return [
        *note,
        f"/Par04/detector/setNbOfLayers {len(sheets) // 2 if own else 90}",
        *(
            f"/Par04/detector/setAbsorber {place} {nist} {thickness:g} mm true"
            for place, (nist, thickness) in enumerate((first, second))
        ),
    ]


def ddml_steering(card: ModelCard, name: str, mesh: Mesh | None) -> str:
    """A steering file of ddsim; the mesh is that of rings, None for pads."""
    if mesh is None:
        pad_x, pad_y = (pad / 2 * mm for pad in card.detector.pad_mm)
        plugin = "RegularGridGAN"
        cells = dict(zip(("NCellsX", "NCellsY", "NCellsZ"), gan_cells(card), strict=True))
        sizes = {"CellSizeX": pad_x, "CellSizeY": pad_y}
    else:
        plugin = "Par04ExampleVAE"
        cells = dict(zip(("NCellsRho", "NCellsPhi", "NCellsZ"), mesh.shape, strict=True))
        sizes = {"CellSizeRho": mesh.ring_mm, "CellSizeZ": mesh.slice_mm}
    settings = [f"    model.{key} = {value!r}" for key, value in (cells | sizes).items()]
    low, high = card.energy_range_gev
    particles = sorted({"gamma"} if card.particle == "gamma" else {"e+", "e-"})
    trigger = ", ".join(f"{particle!r}: {low:g} * GeV" for particle in particles)
    return f'''"""ddsim --steeringFile {name}.py --compactFile DETECTOR.xml ...

DDML's {plugin}Model with {card.name} in the barrel: {card.particle}, {low:g}-{high:g} GeV.
"""

from DDSim.DD4hepSimulation import DD4hepSimulation

SIM = DD4hepSimulation()


def fast_simulation(kernel):
    from DDG4 import DetectorConstruction, Geant4, PhysicsList
    from g4units import GeV

    sequence = Geant4(kernel).detectorConstruction()
    model = DetectorConstruction(kernel, "{plugin}PolyhedraBarrelONNXModel/ShowerModel")
    model.RegionName = "EcalBarrelRegion"
    model.Detector = "ECalBarrel"
    model.Symmetry = {SYMMETRY}
    model.Enable = True
    model.CorrectForAngles = False
    model.ApplicableParticles = {set(particles)!r}
    model.Etrigger = {{{trigger}}}
    model.ModelPath = "{name}.onnx"
    model.OptimizeFlag = 0
    model.IntraOpNumThreads = 1
{chr(10).join(settings)}
    model.enableUI()
    sequence.adopt(model)

    physics = PhysicsList(kernel, "Geant4FastPhysics/FastPhysicsList")
    physics.EnabledParticles = {particles!r}
    physics.enableUI()
    kernel.physicsList().adopt(physics)


SIM.physics.setupUserPhysics(fast_simulation)
'''


def fastcalosim_macro(card: ModelCard, name: str) -> str:
    """A ROOT macro that makes the host's simulator with the model's shapes and binning."""
    numbers = card.detector.layer_numbers
    ends = [0]
    for bins in layer_bins(card):
        ends.append(ends[-1] + len(bins.radius))
    low, high = card.energy_range_gev
    used, boundaries = (", ".join(map(str, each)) for each in (numbers, ends))
    return f"""// FastCaloSim with {card.name}: {card.particle}, {1e3 * low:g}-{1e3 * high:g} MeV
#include "FastCaloSim/Core/TFCSBinnedShowerONNX.h"
#include "FastCaloSim/Core/TFCSMLCalorimeterSimulator.h"

std::vector<long unsigned int> used_layers = {{{used}}};
std::vector<long unsigned int> layer_boundaries = {{{boundaries}}};

// Voxel energies: getEvent(state, eta, energy in MeV) gives fractions of the energy, by layer.
TFCSMLCalorimeterSimulator* simulator()
{{
  auto* simulator = new TFCSMLCalorimeterSimulator();
  if (!simulator->loadSimulator("{name}.onnx")) return nullptr;
  simulator->setInputShapes(layer_boundaries, used_layers);
  return simulator;
}}

// Where the voxels lie: get_coordinates() of the shower.
TFCSBinnedShowerONNX* shower()
{{
  auto* shower = new TFCSBinnedShowerONNX("{card.name}", "{card.particle} by caloforge");
  shower->disable_upscaling();
  shower->load_meta_data("{name}.binning.h5", used_layers);
  return shower;
}}
"""
