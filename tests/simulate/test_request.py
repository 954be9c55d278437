"""Productions and data are checked before a process is started."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from caloforge.beam import Conditions
from caloforge.detector import Detector, load_detector
from caloforge.errors import DetectorError, InputError, OutputError, RangeError
from caloforge.ranges import draw
from caloforge.simulate.data import DataSets, choose_data
from caloforge.simulate.geometry import Grid, grid_of
from caloforge.simulate.request import Production
from caloforge.simulate.scoring import ScoredHits, window_hits
from caloforge.simulate.shards import Shard, ShardFolder
from caloforge.units import degree


def production(detector: Detector, data: DataSets, **changes: object) -> Production:
    values = {"window": "fixed", "particle": "e-", "conditions": Conditions.of([10.0]), "seed": 1}
    return Production(detector=detector, data=data, **(values | changes))  # type: ignore[arg-type]


def test_shards_hold_every_event_once_and_do_not_depend_on_jobs(
    toy_detector: Detector, built_in: DataSets
) -> None:
    found = production(toy_detector, built_in, conditions=draw(500, "10:500", seed=3)).shards
    assert np.concatenate(found).tolist() == list(range(500))
    assert len(found) > 32


def test_shards_of_slow_particles_are_bounded_in_events(
    toy_detector: Detector, built_in: DataSets
) -> None:
    found = production(toy_detector, built_in, conditions=Conditions.of(np.full(20_000, 1e-3)))
    assert np.concatenate(found.shards).tolist() == list(range(20_000))
    assert max(map(len, found.shards)) == 256 and len(found.shards) == 79


def test_hadrons_are_outside_the_physics(toy_detector: Detector, built_in: DataSets) -> None:
    with pytest.raises(InputError, match="particle 'pi-' is outside the physics: allowed are e-"):
        production(toy_detector, built_in, particle="pi-")


def test_too_slow_primaries_are_refused(toy_detector: Detector, built_in: DataSets) -> None:
    with pytest.raises(RangeError, match=r"energy 1e-05 GeV is outside the physics' range"):
        production(toy_detector, built_in, conditions=Conditions.of([1e-5]))


@pytest.mark.parametrize("theta", [20, 160])
def test_a_grazing_beam_misses_the_window(built_in: DataSets, theta: float) -> None:
    conditions = Conditions.of([10.0], theta * degree)
    with pytest.raises(RangeError, match=r"misses window 'fixed' of clic_ecal: allowed are 45\.4"):
        production(load_detector("clic_ecal"), built_in, conditions=conditions)


def test_the_fixed_window_takes_slanted_beams(built_in: DataSets) -> None:
    conditions = Conditions.of([10.0], 60 * degree)
    assert len(production(load_detector("clic_ecal"), built_in, conditions=conditions)) == 1


def test_unknown_window(toy_detector: Detector, built_in: DataSets) -> None:
    with pytest.raises(DetectorError, match="has no window 'wide'"):
        production(toy_detector, built_in, window="wide")


def test_official_data_must_be_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InputError, match="no official Geant4 data: set G4LEDATA"):
        choose_data("official", tmp_path)
    assert choose_data("auto", tmp_path).kind == "built-in"


def test_configured_data_are_used_and_built_in_ones_stand_for_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = tmp_path / "G4EMLOW8.8"
    for folder in ("brem_SB", "epics2017"):
        (tables / folder).mkdir(parents=True)
    monkeypatch.setenv("GEANT4_DATA_DIR", str(tmp_path))
    found = choose_data("auto", tmp_path / "cache")
    environment = found.environment()
    assert (found.kind, environment["G4LEDATA"]) == ("official", str(tables))
    assert environment["G4ENSDFSTATEDATA"] == str(tmp_path / "cache")
    assert choose_data("built-in", tmp_path / "cache").kind == "built-in"


def test_the_newest_official_data_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("8.8", "8.10"):
        for folder in ("brem_SB", "epics2017"):
            (tmp_path / f"G4EMLOW{version}" / folder).mkdir(parents=True)
    (tmp_path / "G4EMLOW8.11.tar.gz").touch()
    monkeypatch.setenv("GEANT4_DATA_DIR", str(tmp_path))
    assert choose_data("official", tmp_path / "cache").tables.name == "G4EMLOW8.10"


@pytest.mark.parametrize("variable", ["G4LEDATA", "GEANT4_DATA_DIR"])
def test_variables_that_point_nowhere_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=f"{variable} points to .*nowhere"):
        choose_data("auto", tmp_path)


def half_downloaded(folder: Path) -> Path:
    """A G4EMLOW folder in which the unpacking broke off after silicon."""
    tables = folder / "G4EMLOW8.8"
    names = [f"brem_SB/br{z}" for z in (14, 74)]
    for kind in ("phot/pe-cs", "phot/pe-ss-cs", "rayl/re-cs"):
        names += [f"epics2017/{kind}-14.dat"]
    for name in names:
        (tables / name).parent.mkdir(parents=True, exist_ok=True)
        (tables / name).touch()
    return tables


def test_hydrogen_has_no_file_of_shells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_detector: Detector
) -> None:
    tables = half_downloaded(tmp_path)
    for name in ("brem_SB/br1", "epics2017/phot/pe-cs-1.dat", "epics2017/rayl/re-cs-1.dat"):
        (tables / name).touch()
    monkeypatch.setenv("G4LEDATA", str(tables))
    monkeypatch.setattr("caloforge.simulate.data.element_charges", lambda detector: {1, 14})
    assert choose_data("official", tmp_path / "cache", toy_detector).kind == "official"


def test_half_downloaded_data_are_as_none_and_the_note_names_what_they_lack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_detector: Detector
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    tables = half_downloaded(tmp_path / ".geant4_pybind")
    found = choose_data("auto", tmp_path / "cache", toy_detector)
    assert found.kind == "built-in"
    assert "lacks epics2017/phot/pe-cs-74.dat (and 2 more)" in found.note
    with pytest.raises(InputError, match=r"lacks epics2017/phot/pe-cs-74.dat .* --data built-in"):
        choose_data("official", tmp_path / "cache", toy_detector)
    monkeypatch.setenv("G4LEDATA", str(tables))
    with pytest.raises(InputError, match=r"G4LEDATA points to .* lacks epics2017/phot/pe-cs-74"):
        choose_data("auto", tmp_path / "cache", toy_detector)
    assert choose_data("built-in", tmp_path / "cache", toy_detector).note == ""


def test_an_empty_download_serves_auto_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".geant4_pybind" / "G4EMLOW8.8").mkdir(parents=True)
    found = choose_data("auto", tmp_path / "cache")
    assert found.kind == "built-in" and "has no folder 'brem_SB'" in found.note


def test_the_window_is_centred_on_the_barycentre_cell(
    toy_detector: Detector, built_in: DataSets
) -> None:
    grid = Grid(11, 11)
    cells = np.array([[0, 7, 3], [1, 7, 3], [2, 8, 3], [3, 0, 0]])  # layer, row, column
    scored = np.ravel_multi_index(tuple(cells.T), (4, 11, 11))
    energy = np.array([1.0, 2.0, 1e-9, 1e-8])  # the third is under the threshold
    found = window_hits(scored, energy, grid, production(toy_detector, built_in))
    image = found.image((5, 5, 4))
    assert image[2, 2, 0] == 1 and image[2, 2, 1] == 2
    assert np.count_nonzero(image) == 2
    assert found.beside == pytest.approx(1e-8)


def test_every_window_fits_around_every_barycentre() -> None:
    assert grid_of(load_detector("clic_ecal"), "fixed") == Grid(101, 131)
    assert grid_of(load_detector("par04_siw"), "dataset2") == Grid(9, 16)


def test_shards_come_back_as_they_went(tmp_path: Path, toy_production: Production) -> None:
    hits = [
        ScoredHits(np.array([1, 4]), np.array([0.5, 0.25], np.float32), 0.125),
        ScoredHits(np.array([], int), np.array([], np.float32)),
    ]
    Shard(np.array([3, 4]), hits, np.array([0.1, 0.2]), "11.4.1", np.ones((2, 2)), 2).save(
        tmp_path / "a.npz"
    )
    found = Shard.load(tmp_path / "a.npz")
    assert found.events.tolist() == [3, 4] and found.seconds.tolist() == [0.1, 0.2]
    assert found.geant4 == "11.4.1" and found.aborted == 2
    assert found.impact.tolist() == [[1, 1], [1, 1]]
    assert found.hits[0].index.tolist() == [1, 4] and found.hits[1].energy.size == 0
    assert [each.beside for each in found.hits] == [0.125, 0.0]


def test_another_productions_shards_are_not_touched(
    tmp_path: Path, toy_production: Production
) -> None:
    folder = ShardFolder(tmp_path / "s", toy_production)
    other = replace(toy_production, seed=99)
    folder = ShardFolder(tmp_path / "s", other)  # nothing is lost: no shard is there yet
    folder.file(0).touch()
    with pytest.raises(OutputError, match="holds shards of another production"):
        ShardFolder(tmp_path / "s", toy_production)
    assert ShardFolder(tmp_path / "s", other).missing() == [1, 2, 3][: len(other.shards) - 1]


def test_a_readout_without_material_cannot_be_simulated(built_in: DataSets) -> None:
    with pytest.raises(DetectorError, match="calochallenge_pions is a read-out without material"):
        production(load_detector("calochallenge_pions"), built_in, window="dataset1")
