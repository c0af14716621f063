"""Which entities are stored: `INCLUDE` and `EXCLUDE`, globs on the entity id."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cache


def selection(include: tuple[str, ...], exclude: tuple[str, ...]) -> Callable[[str], bool]:
    """Return what says of an entity id whether it is stored: included (or nothing is), and not excluded."""

    @cache
    def wanted(entity_id: str) -> bool:
        included = not include or any(fnmatchcase(entity_id, glob) for glob in include)
        return included and not any(fnmatchcase(entity_id, glob) for glob in exclude)

    return wanted
