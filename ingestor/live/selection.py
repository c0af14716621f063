"""Which entities are stored: `INCLUDE` and `EXCLUDE`, with the order of precedence of Home Assistant's own filters.

The most specific rule that an entity meets decides; where one of each kind does, it is stored. Home Assistant knows
entities, globs and domains; what stands between them is ours:

    entity         light.kitchen
    label          label:no_history           the entity's own, or its device's
    glob           sensor.*_power
    area           area:Kitchen
    device_class   device_class:battery
    integration    integration:mqtt
    domain         light.*, or domain:light
    statistic      statistic:tibber:*         a long-term statistic that is no entity's, which nothing else means

What meets no rule is stored where nothing is included, or where nothing but single entities is, and more than single
ones are excluded. Labels, areas and integrations have names and ids, and either will do, in any case. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from ingestor.homeassistant.registry import Traits
from ingestor.model.rules import by_level
from metrics.codes import SkippedCode

OF_REGISTRY = {"label", "area", "integration"}


class Selection:
    """What a user includes and excludes."""

    def __init__(self, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> None:
        self._rules = {"INCLUDE": tuple(include), "EXCLUDE": tuple(exclude)}
        self._include, self._exclude = map(by_level, self._rules.values())
        levels = self._include.keys() | self._exclude.keys()
        self.needs_registry = not levels.isdisjoint(OF_REGISTRY)
        self.needs_device_class = "device_class" in levels
        includes_single_ones = self._include.keys() <= {"entity"} and not self._exclude.keys() <= {"entity"}
        self._stores_the_rest = not self._include or includes_single_ones

    def why_not(self, entity_id: str, traits: Traits, device_class: str = "") -> SkippedCode | None:
        """Return why an entity, or a statistic, is not stored; None when it is."""
        names = _names(entity_id, traits, device_class)
        for level, of_level in names.items():
            if _meets(of_level, self._include.get(level, ())):
                return None
            if _meets(of_level, self._exclude.get(level, ())):
                return SkippedCode(f"excluded_by_{level}")
        return None if self._stores_the_rest or "statistic" in names else SkippedCode.NOT_INCLUDED

    def unmatched(self, entities: Collection[tuple[str, Traits, str]]) -> list[str]:
        """Return a sentence for each rule that none of these entities meets: it may be a slip of the pen."""
        found: dict[str, set[str]] = {}
        for entity in entities:
            for level, names in _names(*entity).items():
                found.setdefault(level, set()).update(names)
        return [
            f"{name}: {rule} matches none of the home's {len(entities)} entities"
            for name, rules in self._rules.items()
            for rule in rules
            for level, patterns in by_level([rule]).items()
            if level != "statistic" and not _meets(found.get(level, ()), patterns)
        ]


def _names(entity_id: str, traits: Traits, device_class: str) -> dict[str, Collection[str]]:
    """Return what rules of each level go by, the most specific first."""
    if ":" in entity_id:
        return {"statistic": (entity_id,)}
    return {
        "entity": (entity_id,),
        "label": traits.labels,
        "glob": (entity_id,),
        "area": traits.areas,
        "device_class": (device_class,) if device_class else (),
        "integration": (traits.integration,) if traits.integration else (),
        "domain": (entity_id.partition(".")[0],),
    }


def _meets(names: Iterable[str], patterns: Collection[str]) -> bool:
    return bool(patterns) and any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
