"""Why validation runs on one thread: its classifiers and matrices are small.

Threads that wait for each other in steps of microseconds gain little on an idle machine and cost
minutes on one with other work.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def on_one_thread(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let numerical libraries use one thread while a function runs."""

    @wraps(function)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with threadpool_limits(1):
            return function(*args, **kwargs)

    return run
