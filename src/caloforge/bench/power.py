"""Energy that the processor used, where the machine can tell (Linux, RAPL counters)."""

from pathlib import Path

RAPL = Path("/sys/class/powercap")


class EnergyMeter:
    """Counts the energy of all processor packages since it was started, in joules."""

    def __init__(self, folder: Path = RAPL) -> None:
        zones = sorted(folder.glob("intel-rapl:?")) if folder.is_dir() else []
        self._started = [(zone, found) for zone in zones if (found := _read(zone)) is not None]

    def joules(self) -> float | None:
        """Energy since the start, None where there is no counter to read."""
        if not self._started:
            return None
        total = 0
        for zone, before in self._started:
            used = (_read(zone) or before) - before
            total += used if used >= 0 else used + int((zone / "max_energy_range_uj").read_text())
        return total * 1e-6


def _read(zone: Path) -> int | None:
    try:
        return int((zone / "energy_uj").read_text())
    except (OSError, ValueError):
        return None
