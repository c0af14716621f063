"""What lies in `DATA_DIR` tells the life of a household: its user alone may read it.

New files are made so. Those that an older version made, or somebody opened since, are tightened at each start. Where
that cannot be done, as on a disk without modes, it is told, and all goes on.
"""

from __future__ import annotations

import stat
from pathlib import Path

from ingestor.model.disk import PRIVATE_DIRECTORY

OURS = ("lock", "events.*", "spool.*", "state.*")
_OTHERS = 0o077


def tighten(data_dir: Path) -> list[str]:
    """Take from everyone else what they may do with our files; return a sentence for what cannot be taken."""
    failed: dict[str, list[str]] = {}
    try:
        found = [path for pattern in OURS for path in sorted(data_dir.glob(pattern)) if path.is_file()]
    except OSError:  # whoever opens a file there says what is wrong
        return []
    for path in (data_dir, *found):
        try:
            reason = _tighten(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            reason = error.strerror or str(error)
        if reason:
            failed.setdefault(reason, []).append(str(path))
    return [f"other users may read {', '.join(paths)} ({reason})" for reason, paths in failed.items()]


def _tighten(path: Path) -> str:
    """Return why others still have rights."""
    mode = path.stat().st_mode
    if not mode & _OTHERS:
        return ""
    if mode & stat.S_ISVTX:
        return "a directory that is there for everybody is no DATA_DIR"
    path.chmod(stat.S_IMODE(mode) & PRIVATE_DIRECTORY)
    return "its disk keeps no modes" if path.stat().st_mode & _OTHERS else ""
