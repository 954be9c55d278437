"""The site, the notebook and the wheel, as a user gets them."""

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from tests.docs.pages import ROOT

ELSEWHERE = re.compile(
    r"<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>"
    r"|@import[^;]*//[^;]*|url\([\"']?(?:https?:)?//[^)]*"
)
pytestmark = pytest.mark.slow


def call(*command, folder=None, **environment):
    """Run a command whose Python is not this test's: what is imported is what is installed."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder, env=kept | environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://unpkg.com/iframe-worker/shim"></script>',
        '<link rel="stylesheet" href="//fonts.googleapis.com/css?family=Roboto">',
        "@font-face{src:url(https://fonts.gstatic.com/a.woff2)}",
    ],
)
def test_what_is_loaded_from_elsewhere_is_found(text):
    assert ELSEWHERE.search(text)


def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path):
    call(
        sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path,
        folder=ROOT, PYTHONPATH=str(ROOT / "src"), NO_MKDOCS_2_WARNING="1",
    )  # fmt: skip
    pages = [path for ending in ("html", "css") for path in tmp_path.rglob(f"*.{ending}")]
    assert {"index.html", "tour.html", "extending.html", "api/samples.html"} <= {
        path.relative_to(tmp_path).as_posix() for path in pages
    }
    found = {path.name: ELSEWHERE.findall(path.read_text()) for path in pages}
    assert {name: hits for name, hits in found.items() if hits} == {}
    assert "InputError" in (tmp_path / "api/samples.html").read_text()  # docstrings are read
    assert (tmp_path / "figures/tour_7_0.png").stat().st_size > 1000  # the notebook was run


def test_the_tour_runs(tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    notebook = nbformat.read(ROOT / "examples" / "tour.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)  # kept clean
    NotebookClient(notebook, resources={"metadata": {"path": tmp_path}}).execute()
    assert (tmp_path / "own.h5").is_file()


def test_the_wheel_installs_into_a_fresh_environment_and_generates(tmp_path):
    call(sys.executable, "-m", "build", "--outdir", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    package = ROOT / "src" / "caloforge"
    files = [path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert {path.relative_to(package.parent).as_posix() for path in files} <= packed
    fresh = tmp_path / "fresh"
    venv.create(fresh, with_pip=True)
    python = fresh / "bin" / "python"
    call(python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel)
    home = call(python, "-c", "import caloforge; print(caloforge.__file__)", folder=tmp_path)
    assert Path(home.strip()).is_relative_to(fresh)
    caloforge = fresh / "bin" / "caloforge"
    sample = ("clic_ecal_fixed", "-n", "50", "--seed", "1", "-o", "fast.h5")
    call(caloforge, "generate", *sample, folder=tmp_path)
    assert "window fixed of clic_ecal" in call(caloforge, "info", "fast.h5", folder=tmp_path)
    assert "129.2 mm" in call(caloforge, "info", "clic_ecal", folder=tmp_path)
