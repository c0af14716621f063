"""What is measured when metrics are asked for, and not before: problems, actors, versions, disk and files."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from ingestor.api.status import StatusBoard
from metrics import facts
from supervisors import ChildSnapshot, SupervisorSnapshot

VERSION = version("ha-ingestor")
_FILES = ("spool", "state", "events")


def measured(tree: SupervisorSnapshot, status: StatusBoard, data_dir: Path) -> facts.ServiceMeasured:
    """Return how the service is at this moment. A disk that does not answer has no room, and no files."""
    found = status.problems | status.warnings
    try:
        disk = shutil.disk_usage(data_dir)
        free_bytes, total_bytes = disk.free, disk.total
    except OSError:
        free_bytes = total_bytes = 0
    return facts.ServiceMeasured(
        problems={(part, found[part].code if part in found else ""): int(part in found) for part in status.parts},
        states=dict.fromkeys(_states(tree), 1),
        versions={(name, VERSION, platform.python_version(), home.version): 1 for name, home in status.homes.items()},
        free_bytes=free_bytes,
        total_bytes=total_bytes,
        files={name: _size_bytes(data_dir / f"{name}.sqlite3") for name in _FILES},
    )


def _states(node: SupervisorSnapshot | ChildSnapshot, path: str = "") -> Iterator[tuple[str, str]]:
    yield f"{path}{node.id}", node.state
    for child in node.children if isinstance(node, SupervisorSnapshot) else ():
        yield from _states(child, f"{path}{node.id}/")


def _size_bytes(path: Path) -> int:
    """Return the size of a file with its log; 0 where there is none."""
    size_bytes = 0
    for part in (path, path.with_name(f"{path.name}-wal")):
        try:
            size_bytes += part.stat().st_size
        except OSError:
            continue
    return size_bytes
