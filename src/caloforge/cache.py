"""The one folder in which caloforge keeps what it has found out, and can find out again."""

from pathlib import Path

from platformdirs import user_cache_path


def cache_folder() -> Path:
    """The user's cache folder of caloforge: on Linux ``caloforge`` in XDG_CACHE_HOME or ~/.cache.

    It holds measured plans and Geant4's built-in tables, and may be removed at any time.
    """
    return user_cache_path("caloforge", appauthor=False)
