"""A production on a Dask cluster: every shard a task, collected as they finish.

The workers need caloforge with the ``simulate`` extra, no shared file system and no data. Each
task starts its own Geant4 process there; a lost Dask worker's tasks run again elsewhere.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from caloforge._extras import require
from caloforge.atomic import replacing
from caloforge.errors import CaloforgeError, SimulationError
from caloforge.simulate.pool import OnShowers, Pool
from caloforge.simulate.request import Production
from caloforge.simulate.shards import ShardFolder
from caloforge.simulate.tables import cache_folder
from caloforge.typing import IntArray

CONNECT_SECONDS = 30


@dataclass(frozen=True)
class DaskRunner:
    """Sends the missing shards to the Dask scheduler at an address.

    Raises
    ------
    MissingExtraError
        if ``distributed`` is not installed.
    SimulationError
        if the scheduler does not answer, or a shard failed for good.
    OutputError
        if a shard cannot be written here.
    """

    address: str

    def __call__(self, folder: ShardFolder, on_showers: OnShowers) -> None:
        distributed = require("distributed")
        production = folder.production
        with self._client(distributed) as client:
            shared = client.scatter(production, broadcast=True)
            futures = {
                client.submit(
                    simulate_remotely, shared, production.shards[number], pure=False
                ): number
                for number in folder.missing()
            }
            for future in distributed.as_completed(futures):
                number = futures[future]
                _save(folder, number, _result(future, number))
                on_showers(len(production.shards[number]))

    def _client(self, distributed: Any) -> Any:
        try:
            return distributed.Client(self.address, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            msg = f"no Dask scheduler answers at {self.address}: {error}"
            raise SimulationError(msg) from None


def simulate_remotely(production: Production, events: IntArray) -> bytes:
    """Simulate events in a Geant4 process of this machine; return the bytes of their shard.

    Built-in tables are those of this machine's cache.
    """
    here = cache_folder()
    data = production.data
    tables = here if data.kind == "built-in" else data.tables
    local = replace(production, data=replace(data, tables=tables, built_in=here))
    with TemporaryDirectory(prefix="caloforge-") as path:
        folder = ShardFolder(Path(path), local)
        Pool(folder, {0: events}, jobs=1).run()
        return folder.file(0).read_bytes()


def _result(future: Any, number: int) -> bytes:
    try:
        return bytes(future.result())
    except CaloforgeError:
        raise
    except Exception as error:
        msg = f"shard {number} failed on the cluster: {error}"
        raise SimulationError(msg) from error


def _save(folder: ShardFolder, number: int, content: bytes) -> None:
    with replacing(folder.file(number)) as partial:
        partial.write_bytes(content)
