"""What the hosts do with a graph, call by call, written down from their sources.

Par04: ``Par04InferenceSetup::GetEnergies`` and ``GetPositions``, ``Par04OnnxInference``; DDML:
``RegularGridGANModel``, ``Par04ExampleVAE``, ``ONNXInference``; FastCaloSim:
``TFCSMLCalorimeterSimulator``. Each gives the energies (MeV) and positions (mm) of one shower.
"""

import re

import numpy as np
import onnxruntime


def session(path):
    """As the hosts open a graph: one thread, no optimisation."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def macro_numbers(path):
    """The last value of each command of a Par04 macro."""
    commands = {}
    for line in path.read_text().splitlines():
        if line.startswith("/"):
            command, _, value = line.partition(" ")
            commands[command.rpartition("/")[2]] = value.split(" ")[0]
    return commands


class Par04:
    """Particles along z that enter at the origin: the shower's frame is the world's."""

    def __init__(self, folder, name):
        self.macro = macro_numbers(folder / f"{name}.mac")
        self.session = session(folder / self.macro["setModelPathName"])

    def shower(self, energy_mev, rng, theta=np.pi / 2, phi=0.3):
        mode = self.macro["setModelType"]
        if mode == "VAE":
            latent = rng.standard_normal(int(self.macro["setSizeLatentVector"]))
            condition = energy_mev / 1024000.0, np.degrees(theta) / 90.0, 0, 1
            vector = np.concatenate([latent, condition])
        else:
            vector = np.array([energy_mev / 1000, phi, theta, 1, 0, 0, 0, 0])
        (given,) = self.session.get_inputs()
        feed = {given.name: vector.astype(np.float32)[None]}
        flat = self.session.run(None, feed)[0].ravel().astype(np.float64)
        return flat * (energy_mev if mode == "VAE" else 1000.0), self.positions()

    def positions(self):
        rings, sectors, slices = (int(self.macro[f"setNbOf{axis}Cells"]) for axis in self.axes)
        dr, dz = (float(self.macro[f"setSizeOf{axis}Cells"]) for axis in ("Rho", "Z"))
        i, j, k = np.meshgrid(*map(np.arange, (rings, sectors, slices)), indexing="ij")
        phi = (j + 0.5) * 2 * np.pi / sectors - np.pi
        rho = (i + 0.5) * dr
        xyz = rho * np.cos(phi), rho * np.sin(phi), (k + 0.5) * dz
        return np.stack([axis.ravel() for axis in xyz], axis=1)

    axes = "Rho", "Phi", "Z"


class RegularGridGAN:
    """The third coordinate of a hit is the number of its layer: the host knows their depths."""

    def __init__(self, folder, name):
        text = (folder / f"{name}.py").read_text()
        self.set = {
            key: float(value) for key, value in re.findall(r"model\.(\w+) = ([\d.]+)", text)
        }
        self.session = session(folder / re.search(r'ModelPath = "(.*)"', text)[1])

    def shower(self, energy_mev, rng):
        names = [node.name for node in self.session.get_inputs()]
        latent = rng.uniform(-1, 1, (1, 100, 1, 1, 1)).astype(np.float32)
        energy = np.full((1, 1, 1, 1, 1), energy_mev / 1000, np.float32)
        flat = self.session.run(None, dict(zip(names, (latent, energy), strict=True)))[0].ravel()
        nx, ny, nz = (int(self.set[f"NCells{axis}"]) for axis in "XYZ")
        layer, i, j = np.meshgrid(*map(np.arange, (nz, nx, ny)), indexing="ij")
        x = (i - nx // 2 + 0.5) * self.set["CellSizeX"]
        y = (j - ny // 2 + 0.5) * self.set["CellSizeY"]
        xyz = np.stack([axis.ravel() for axis in (x, y, layer)], axis=1)
        assert len(flat) == nx * ny * nz
        return flat.astype(np.float64), xyz


class FastCaloSim:
    """Hits in the middle of their voxels; the third coordinate is the number of the layer."""

    def __init__(self, folder, name):
        import h5py

        text = (folder / f"{name}.C").read_text()
        self.layers, ends = (
            [int(n) for n in re.search(rf"{key} = {{(.*)}};", text)[1].split(", ")]
            for key in ("used_layers", "layer_boundaries")
        )
        self.voxels = ends[-1]
        self.session = session(folder / f"{name}.onnx")
        columns = []
        with h5py.File(folder / f"{name}.binning.h5") as file:
            for number, first, last in zip(self.layers, ends[:-1], ends[1:], strict=True):
                radius, alpha = (
                    file[f"binstart_{what}_layer_{number}"][:]
                    + file[f"binsize_{what}_layer_{number}"][:] / 2
                    for what in ("radius", "alpha")
                )
                assert len(radius) == last - first
                layer = np.full(len(radius), number)
                columns.append([radius * np.cos(alpha), radius * np.sin(alpha), layer])
        self.positions = np.concatenate(columns, axis=1).T

    def shower(self, energy_mev, rng, eta=0.0):
        values = {
            "inn_eta_in": [abs(eta) * 10],
            "inn_einc_in": [energy_mev],
            "cfm_z_shape": rng.standard_normal(self.voxels),
            "inn_z_energy": rng.standard_normal(len(self.layers)),
        }
        # A map of strings: numbers arrive in the order of variable_0, variable_1, variable_10 ...
        feed = {
            node.name: np.array(values[node.name], np.float32).reshape(node.shape)
            for node in self.session.get_inputs()
        }
        return self.session.run(None, feed)[0].ravel().astype(np.float64), self.positions
