"""Which entities are stored: `INCLUDE` and `EXCLUDE`, globs on the entity id."""

from __future__ import annotations

from collections.abc import Callable, Collection
from fnmatch import fnmatchcase
from functools import cache


def selection(include: tuple[str, ...], exclude: tuple[str, ...]) -> Callable[[str], bool]:
    """Return what says of an entity id whether it is stored: included (or nothing is), and not excluded."""

    @cache
    def wanted(entity_id: str) -> bool:
        included = not include or any(fnmatchcase(entity_id, glob) for glob in include)
        return included and not any(fnmatchcase(entity_id, glob) for glob in exclude)

    return wanted


def unmatched(include: Collection[str], exclude: Collection[str], entity_ids: Collection[str]) -> list[str]:
    """Return a sentence for each glob that none of these entities matches: it may be a slip of the pen."""
    return [
        f"{name}: {glob} matches none of the home's {len(entity_ids)} entities"
        for name, globs in (("INCLUDE", include), ("EXCLUDE", exclude))
        for glob in globs
        if not any(fnmatchcase(entity_id, glob) for entity_id in entity_ids)
    ]
