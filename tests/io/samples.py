"""Small files as the field publishes them: keys, shapes, units and sums of each public sample."""

from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from caloforge.calibration import Calibration
from caloforge.detector import Detector, Layer, Material, Slab, Window, load_detector

N = 12
DEPOSITED, CALIBRATED = Calibration(), Calibration(meaning="calibrated")


@dataclass
class Truth:
    """What a reader must find: cells (N, X, Y, Z) in GeV, energies in GeV, angles in rad."""

    layout: str
    cells: Any
    energy: Any
    theta: Any = None
    particle: str = "unknown"
    calibration: Calibration = DEPOSITED
    detector: Detector | None = None
    phi: Any = None
    data: dict[str, Any] = field(default_factory=dict)

    def write(self, path):
        """Write the file's datasets; names with a slash lie in groups."""
        with h5py.File(path, "w") as file:
            for name, values in self.data.items():
                file[name] = values
        return path


def images(shape, sums, seed=0):
    """Sparse images; image k sums to sums[k]."""
    rng = np.random.default_rng(seed)
    cells = rng.exponential(1, (len(sums), *shape)) * (rng.random((len(sums), *shape)) < 0.2)
    cells[:, 0, 0, 0] += 1e-3
    return cells * (sums / cells.sum(axis=(1, 2, 3)))[:, None, None, None]


def energies(low, high, seed=1):
    return np.exp(np.random.default_rng(seed).uniform(np.log(low), np.log(high), N))


def angles(low, high, seed=2):
    return np.random.default_rng(seed).uniform(low, high, N)


def ild() -> Detector:
    """Thirty layers of tungsten and silicon with pads of 5.088 mm."""
    stack = (
        Slab(material="W", thickness_mm=2.1),
        Slab(material="Si", thickness_mm=0.5, sensitive=True),
    )
    return Detector(
        name="ild",
        title="like the ILD's",
        pad_mm=(5.088, 5.088),
        materials={"W": Material(nist="G4_W"), "Si": Material(nist="G4_Si")},
        layers=(Layer(count=30, stack=stack),),
        windows={"fixed": Window(shape=(30, 30), theta_deg=(40.0, 140.0))},
    )


def clic_fixed() -> Truth:
    energy = energies(10, 500)
    cells = images((25, 25, 25), 0.02 * energy)
    target = np.stack([np.full(N, 11.0), energy], 1)
    data = {"ECAL": cells.astype("f4"), "target": target, "HCAL": np.zeros((N, 11, 11, 60), "f4")}
    return Truth("gan3d", cells, energy, particle="e-", data=data)


def clic_angle() -> Truth:
    energy, theta = energies(100, 200), angles(1.1, 2.0)
    cells = images((51, 51, 25), 0.02 * energy) * 50
    data = {
        "ECAL": cells.astype("f4"), "energy": energy, "theta": theta, "mtheta": theta + 0.01,
        "eta": -np.log(np.tan(theta / 2)), "sum": cells.sum((1, 2, 3)), "bins": np.arange(5.0),
        "pdgID": np.full(N, 11),
    }  # fmt: skip
    scaled = Calibration(meaning="scaled", factor=(50.0,))
    return Truth("gan3d", cells, energy, theta, "e-", scaled, data=data)


def calochallenge(rings, sectors, layers) -> Truth:
    energy = energies(1, 1000)
    cells = images((rings, sectors, layers), 0.95 * energy)
    voxels = np.array([[c[r, s, z] for z in range(layers) for s in range(sectors)
                        for r in range(rings)] for c in cells])  # fmt: skip
    data = {"incident_energies": 1e3 * energy[:, None], "showers": 1e3 * voxels}
    return Truth("calochallenge", cells, energy, None, "e-", CALIBRATED, data=data)


DATASET_1 = {  # rings and sectors of the layers that see the particle
    "photons": ("gamma", [(8, 1), (16, 10), (19, 10), (5, 1), (5, 1)]),
    "pions": ("pi+", [(8, 1), (10, 10), (10, 10), (5, 1), (15, 10), (16, 10), (10, 1)]),
}


def calochallenge1(which) -> Truth:
    particle, layers = DATASET_1[which]
    energy = 0.256 * 2.0 ** np.arange(N)
    shape = max(r for r, _ in layers), max(s for _, s in layers), len(layers)
    voxels = np.random.default_rng(3).exponential(1, (N, sum(r * s for r, s in layers)))
    voxels *= (0.9 * energy / voxels.sum(1))[:, None]
    cells, place = np.zeros((N, *shape)), 0
    for z, (rings, sectors) in enumerate(layers):
        for s in range(sectors):
            for r in range(rings):
                cells[:, r, s, z] = voxels[:, place]
                place += 1
    data = {"incident_energies": 1e3 * energy[:, None], "showers": 1e3 * voxels}
    return Truth("calochallenge", cells, energy, None, particle, CALIBRATED, data=data)


def lemurs() -> Truth:
    energy, theta, phi = energies(1, 1000), angles(0.87, 2.27), angles(0, 6.28, 3)
    cells = images((9, 16, 45), 0.97 * energy)
    data = {
        "showers": (1e3 * cells).astype("f4"), "incident_energy": 1e3 * energy,
        "incident_theta": theta, "incident_phi": phi,
    }  # fmt: skip
    siw = load_detector("par04_siw")  # to be given: the file names none
    return Truth("lemurs", cells, energy, theta, "unknown", CALIBRATED, siw, phi, data)


def par04() -> Truth:
    made = lemurs()
    del made.data["incident_theta"], made.data["incident_phi"]
    made.theta = made.phi = made.detector = None
    return made


def getting_high() -> Truth:
    energy = energies(10, 100)
    cells = images((30, 30, 30), 0.03 * energy)
    stored = np.moveaxis(1e3 * cells, 3, 1)  # layer, x, z
    data = {"30x30/energy": energy[:, None], "30x30/layers": stored.astype("f4")}
    return Truth("getting_high", cells, energy, particle="gamma", detector=ild(), data=data)


def showerdata(width=4) -> Truth:
    detector, energy, theta = ild(), energies(10, 100), angles(1.0, 2.1)
    cells = images((30, 30, 30), 0.03 * energy).astype("f4")
    clouds = []
    for image in cells:
        x, y, z = np.nonzero(image)
        columns = [(x - 15) * 5.088, (y - 15) * 5.088, detector.layer_centres_mm[z], image[x, y, z]]
        columns += [np.zeros(len(x))] * (width - 4)
        clouds.append(np.stack(columns, 1).astype("f4").ravel())
    stored = np.empty(N, object)
    stored[:] = clouds
    longest = max(len(cloud) // width for cloud in clouds)
    data = {
        "energies": energy[:, None].astype("f4"),
        "directions": np.stack([0 * theta, np.cos(theta), np.sin(theta)], 1).astype("f4"),
        "pdg": np.full(N, 22, "i4"), "shower_ids": np.arange(N),
        "num_points": [len(cloud) // width for cloud in clouds], "shape": [N, longest, width],
    }  # fmt: skip
    made = Truth("showerdata", cells, energy, theta, "gamma", detector=detector, data=data)
    made.clouds = stored
    return made


def ddml() -> Truth:
    energy = energies(10, 100)
    cells = images((30, 30, 30), 0.03 * energy)
    data = {"layers": (1e3 * cells).astype("f4"), "energy": energy}
    return Truth("ddml", cells, energy, detector=ild(), data=data)


SAMPLES = {
    "clic_fixed": clic_fixed,
    "clic_angle": clic_angle,
    "calochallenge1_photons": lambda: calochallenge1("photons"),
    "calochallenge1_pions": lambda: calochallenge1("pions"),
    "calochallenge2": lambda: calochallenge(9, 16, 45),
    "lemurs": lemurs,
    "par04": par04,
    "getting_high": getting_high,
    "showerdata": showerdata,
    "showerdata_with_time": lambda: showerdata(5),
    "ddml": ddml,
}


def write(truth: Truth, path):
    """Write any of the samples."""
    truth.write(path)
    if hasattr(truth, "clouds"):
        with h5py.File(path, "r+") as file:
            kind = h5py.vlen_dtype(np.dtype("f4"))
            file.create_dataset("showers", data=truth.clouds, dtype=kind)
    return path
