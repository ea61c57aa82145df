"""The file `birthcert.prom`: the sum of what all processes of a machine have counted.

A flow run is a process of some minutes, so nobody can scrape it: what it counted must outlive it.
Each process adds what it counted since the last time, under a lock, and the file is replaced as a
whole. So counters only grow, and node_exporter's textfile collector serves them.
"""

import atexit
import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from birthcert.errors import BirthcertError
from birthcert.files import make_folder, write_atomically

NAME: Final = "birthcert.prom"
LOCK: Final = ".birthcert.lock"
INTERVAL_SECONDS: Final = 15.0
log = logging.getLogger(__name__)
# a sample's name, and its labels in their order
Key = tuple[str, tuple[tuple[str, str], ...]]


class Textfile:
    """One process's part in the file of a folder; `registry` holds what it counts."""

    def __init__(self, folder: Path, registry: CollectorRegistry) -> None:
        self.path = folder / NAME
        self._registry = registry
        self._added: dict[Key, float] = {}
        self._guard = threading.Lock()
        self._complained = False

    def add(self) -> None:
        """Add what was counted since the last time; a folder that fails is complained of once."""
        with self._guard:
            try:
                self._add()
            except (OSError, BirthcertError) as error:
                if not self._complained:
                    log.warning("metrics cannot be written, the run goes on: %s", error)
                self._complained = True

    def keep(self) -> None:
        """From now on, add every 15 s and when the process ends."""
        threading.Thread(target=self._add_for_ever, name="birthcert-metrics", daemon=True).start()
        atexit.register(self.add)

    def _add_for_ever(self) -> None:
        while True:
            time.sleep(INTERVAL_SECONDS)
            self.add()

    def _add(self) -> None:
        families = list(self._registry.collect())
        counted = _samples(families)
        if counted == self._added:
            return
        make_folder(self.path.parent)
        with _locked(self.path.with_name(LOCK)):
            sums = _read(self.path)
            for key, value in counted.items():
                if value == self._added.get(key):
                    continue  # a gauge that another process has set since stays
                grown = sums.get(key, 0.0) + value - self._added.get(key, 0.0)
                sums[key] = value if _is_gauge(key, families) else grown
            write_atomically(self.path, generate_latest(_Sums(families, sums)))
        self._added = counted


class _Sums:
    """The families of the meters with other samples, as `generate_latest` takes them."""

    def __init__(self, families: list[Metric], sums: dict[Key, float]) -> None:
        self._families, self._sums = families, sums

    def collect(self) -> Iterator[Metric]:
        """The families that this release knows; an older release's others are dropped."""
        for family in self._families:
            metric = Metric(family.name, family.documentation, family.type)
            for (name, labels), value in self._sums.items():
                if _belongs(name, family):
                    metric.add_sample(name, dict(labels), value)
            yield metric


def _belongs(name: str, family: Metric) -> bool:
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
    return name in {family.name + suffix for suffix in suffixes.get(family.type, ("",))}


def _is_gauge(key: Key, families: list[Metric]) -> bool:
    return any(family.type == "gauge" and family.name == key[0] for family in families)


def _samples(families: Iterable[Metric]) -> dict[Key, float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        # when a series began is of no use where many processes add to it
        if not sample.name.endswith("_created")
    }


def _read(path: Path) -> dict[Key, float]:
    try:
        return _samples(text_string_to_metric_families(path.read_text()))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        log.warning("%s was damaged, counts begin anew: %s", path, error)
        return {}


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
