"""The Spark job, on a local Spark: the showers of the parts, in files that caloforge reads."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.command import call

from caloforge import io

JOB = Path(__file__).parents[2] / "examples" / "spark" / "generate.py"


@pytest.mark.slow
def test_the_job_makes_the_showers_of_the_parts(tmp_path, toy_model):
    pytest.importorskip("pyspark")
    pytest.importorskip("pyarrow")
    spark, parts = tmp_path / "spark", tmp_path / "parts"
    options = ["-n", "50", "--parts", "4", "--seed", "5", "--runtime", "onnx"]
    environment = os.environ | {
        "PYSPARK_PYTHON": sys.executable, "MASTER": "local[2]", "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_SUBMIT_ARGS": "--master local[2] pyspark-shell",
    }  # fmt: skip
    command = [sys.executable, str(JOB), str(toy_model), *options, "-o", str(spark)]
    subprocess.run(command, env=environment, check=True, cwd=tmp_path, timeout=300)
    assert call("generate", toy_model, *options, "-o", parts) == 0
    with io.open_showers(spark) as one, io.open_showers(parts) as other:
        assert len(one) == len(other) == 50
        assert one.detector == other.detector and one.particle == other.particle
        assert one.calibration == other.calibration
        made, expected = one.hits(), other.hits()
    for name in ("offsets", "cell", "cell_energy", "energy", "theta"):
        assert np.array_equal(getattr(made, name), getattr(expected, name)), name
    for verb in (["info", str(spark)], ["convert", str(spark), "-o", str(tmp_path / "one.h5")]):
        assert call(*verb) == 0
