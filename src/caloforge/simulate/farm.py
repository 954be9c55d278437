"""A production on a Dask cluster: every shard a task, collected as they finish.

The workers need caloforge with the ``simulate`` extra, no shared file system and no data. Each
task starts its own Geant4 process there, from what it is sent alone: workers may come late, be
killed at any time and be replaced by others, and no shard is lost or saved twice.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from caloforge.atomic import replacing
from caloforge.cluster import Cluster
from caloforge.simulate.pool import OnShowers, Pool
from caloforge.simulate.request import Production
from caloforge.simulate.shards import Shard, ShardFolder
from caloforge.simulate.tables import cache_folder


@dataclass(frozen=True)
class DaskRunner:
    """Sends the missing shards to a cluster; errors as of Cluster.

    Raises
    ------
    OutputError
        if a shard cannot be written here.
    """

    cluster: Cluster

    def __call__(self, folder: ShardFolder, on_showers: OnShowers) -> None:
        production = folder.production
        tasks = {n: (production.part(production.shards[n]),) for n in folder.missing()}
        for number, content in self.cluster.results(simulate_remotely, tasks):
            _save(folder, number, content)
            on_showers(len(production.shards[number]))


def simulate_remotely(part: Production) -> bytes:
    """Simulate a shard in a Geant4 process of this machine; return the bytes of its file.

    Built-in tables are those of this machine's cache.
    """
    here = cache_folder()
    tables = here if part.data.kind == "built-in" else part.data.tables
    local = replace(part, data=replace(part.data, tables=tables, built_in=here))
    with TemporaryDirectory(prefix="caloforge-") as path:
        folder = ShardFolder(Path(path), local)
        file, events = folder.file(0), np.arange(len(part))
        Pool(folder, {0: events}, jobs=1).run()
        replace(Shard.load(file), events=part.first + events).save(file)
        return file.read_bytes()


def _save(folder: ShardFolder, number: int, content: bytes) -> None:
    with replacing(folder.file(number)) as partial:
        partial.write_bytes(content)
