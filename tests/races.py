"""Many threads that start together, and are interrupted as often as they can be."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any


@contextmanager
def racing() -> Iterator[Callable[[int, Callable[[int], Any]], list[Any]]]:
    """Inside, the yielded function runs `work(0)` … `work(n - 1)` in n threads that start together.

    Threads are switched every microsecond.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def run(n: int, work: Callable[[int], Any]) -> list[Any]:
        start = threading.Barrier(n)

        def one(number: int) -> Any:
            start.wait()
            return work(number)

        with ThreadPoolExecutor(n) as pool:
            return list(pool.map(one, range(n)))

    try:
        yield run
    finally:
        sys.setswitchinterval(before)
