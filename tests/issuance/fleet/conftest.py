"""Manifests for fleets, and the way to the laboratory beside."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def rows(csr_for: Callable[..., bytes], manifest: Callable[..., str]) -> Callable[..., str]:
    """A manifest of JSON lines: devices by name, each with further fields."""

    def write(*devices: str | dict[str, str]) -> str:
        lines = []
        for device in devices:
            facts = {"device_id": device} if isinstance(device, str) else device
            lines.append(json.dumps({"csr": csr_for(facts["device_id"]).decode(), **facts}))
        return manifest(lines, "manifest.jsonl")

    return write
