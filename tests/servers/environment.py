"""The environment of a process, replaced for a while: only what is given, in a directory of its own."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import chdir, contextmanager
from pathlib import Path

from ingestor.config import Settings


@contextmanager
def environment(directory: Path, **variables: str) -> Generator[None]:
    """Hold an environment with these variables and no other setting of ours; afterwards it is as it was."""
    before = dict(os.environ)
    names = {name.upper() for name in Settings.model_fields}
    names |= {f"{name}_FILE" for name in names}
    os.environ.clear()
    os.environ.update({name: text for name, text in before.items() if name not in names})
    os.environ.update(variables)
    try:
        with chdir(directory):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)
