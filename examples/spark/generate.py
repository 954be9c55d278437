"""A Spark job that fills a Parquet data set with generated showers: a part a task.

    spark-submit generate.py clic_ecal_fixed -n 1000000 --parts 1000 -o FOLDER

Rows have the columns part, energy (GeV), theta (rad), cell and cell_energy (GeV): the hits.
The showers are those of ``caloforge generate clic_ecal_fixed -n 1000000 --parts 1000``: each part
is a function of (model, seed, part), so a lost task that runs again makes the same rows.
Every executor needs caloforge[spark] and takes one core a task.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
from pyspark import SparkFiles
from pyspark.sql import SparkSession
from pyspark.sql.types import ArrayType, FloatType, IntegerType, LongType, StructField, StructType

from caloforge.card import ModelCard
from caloforge.generate import load
from caloforge.hits import Hits
from caloforge.io.identity import identity_attributes
from caloforge.io.parts import write_manifest
from caloforge.parts import DatasetRequest
from caloforge.provenance import file_digest


def schema(card: ModelCard) -> StructType:
    """The columns; what all showers have in common is metadata of ``cell``."""
    about = identity_attributes(card.detector, card.particle, card.calibration)
    about["cell_shape"] = list(card.cell_shape)
    integers, numbers = ArrayType(IntegerType(), False), ArrayType(FloatType(), False)
    return StructType(
        [
            StructField("part", LongType(), False),
            StructField("energy", FloatType(), False),
            StructField("theta", FloatType(), False),
            StructField("cell", integers, False, about),
            StructField("cell_energy", numbers, False),
        ]
    )


def rows(part: int, hits: Hits) -> pa.RecordBatch:
    """Showers as rows of the schema."""
    starts = pa.array(hits.offsets, pa.int32())
    columns = {
        "part": pa.array([part] * len(hits), pa.int64()),
        "energy": pa.array(hits.energy),
        "theta": pa.array(hits.theta),
        "cell": pa.ListArray.from_arrays(starts, pa.array(hits.cell, pa.int32())),
        "cell_energy": pa.ListArray.from_arrays(starts, pa.array(hits.cell_energy)),
    }
    return pa.RecordBatch.from_pydict(columns)


def make(model: str, text: str, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The showers of the parts whose numbers come in, from a model file sent along, on one core."""
    request = DatasetRequest.model_validate_json(text)
    generator = load(
        SparkFiles.get(model), runtime=request.runtime, precision=request.precision, threads=1
    )
    for batch in batches:
        for part in batch.column("id").to_pylist():
            made = generator.hits(request.conditions_of(part), seed=request.seed_of(part))
            for hits in made:
                yield rows(part, hits)


def main() -> None:
    """Parse, generate, and list the files for ``caloforge info``, ``validate`` and ``convert``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", help="a bundled model's name, or a .onnx file")
    parser.add_argument("-n", type=int, required=True, help="number of showers")
    parser.add_argument("--parts", type=int, required=True, help="tasks, and files")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to make")
    parser.add_argument("--energy", help="GeV: 100, 10:500 or log:10:500; the model's range")
    parser.add_argument("--theta", help="degrees: 90 or 60:120; the model's range")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runtime", default="auto")
    asked = parser.parse_args()

    generator = load(asked.model, runtime=asked.runtime, threads=1)
    card, plan = generator.card, generator.engine.plan
    energy, theta = card.validity.asked(asked.energy, asked.theta)
    request = DatasetRequest(
        model=card.name, model_digest=file_digest(generator.path), showers=asked.n,
        parts=asked.parts, seed=asked.seed, energy=energy, theta=theta, layout="parquet",
        compression="none", runtime=plan.runtime, precision=plan.precision,
    )  # fmt: skip
    spark = SparkSession.builder.appName("caloforge").getOrCreate()
    spark.sparkContext.addFile(str(generator.path))
    task = partial(make, generator.path.name, request.model_dump_json())
    parts = spark.range(0, asked.parts, 1, asked.parts)
    parts.mapInArrow(task, schema(card)).write.parquet(asked.output.resolve().as_uri())
    spark.stop()
    write_manifest(asked.output, sorted(asked.output.glob("part-*.parquet")))


if __name__ == "__main__":
    main()
