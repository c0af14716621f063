"""What is stored of a state's attributes: the text, without what is left out, and the fields that some of them become.

| left out | unless |
|---|---|
| secrets (`privacy.py`) | never stored |
| places (`privacy.py`) | `LOCATION=true` |
| what `EXCLUDE_ATTRIBUTES` names | |
| what Home Assistant's recorder leaves out (`unrecorded.py`), in the text alone | `ATTRIBUTES=all` |

It is the same for live, restored, refilled and backfilled events. What attributes become is worked out once for each
set of names, domain and integration; those of which nothing is left out stay the very text that was sent. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from ingestor.enrichment import privacy, typed
from ingestor.enrichment.unrecorded import unrecorded
from ingestor.model.records import Chosen, Details

_NAMES_CACHED = 20_000  # of all domains and integrations together; no home has so many
_PLANS_CACHED = 2_000  # entities of a kind share one, or a few
_TEXT = "_text"
_NO_NAME = re.compile(r"[^a-z0-9_]")


class Kept(Struct, frozen=True, gc=False):
    """What is stored of attributes: `text` is JSON, the others are the fields that they become."""

    text: str | None = None
    details: Details | None = None
    chosen: Chosen | None = None


NOTHING_KEPT = Kept()


class _Use(Struct, frozen=True):
    """What an attribute is for."""

    in_text: bool = False
    field: tuple[str, typed.Reader] | None = None
    chosen: str | None = None


_LEFT_OUT = _Use()


class _Plan(Struct, frozen=True):
    """What becomes of attributes with certain names: each tuple begins with the name."""

    in_text: tuple[str, ...]
    fields: tuple[tuple[str, str, typed.Reader], ...]
    chosen: tuple[tuple[str, str], ...]


read = msgspec.json.Decoder(dict[str, Raw]).decode
"""Returns the attributes of a JSON object by their names, each as it was sent."""


class Attributes:
    """What the user wants of attributes. `names` are the globs of `ATTRIBUTE_FIELDS`."""

    def __init__(
        self,
        text: Literal["json", "all", "none"] = "json",
        *,
        exclude: tuple[str, ...] = (),
        names: tuple[str, ...] = (),
        location: bool = False,
    ) -> None:
        self._with_text = text != "none"
        self._all = text == "all"
        self._exclude = exclude
        self._names = names
        self._location = location
        self._use = lru_cache(_NAMES_CACHED)(self._find_use)
        self._plan = lru_cache(_PLANS_CACHED)(self._find_plan)

    def keep(
        self, domain: str, integration: str | None, attributes: str, given: Mapping[str, Raw], unit: str | None
    ) -> Kept:
        """Return what is stored of the attributes of an entity; `unit` is that of the home's temperatures.

        `given` is what `read` returns of them.
        """
        plan = self._plan(domain, integration, tuple(given))
        if privacy.may_hold(attributes):
            harmless = tuple([name for name, raw in given.items() if not self._holds(domain, integration, name, raw)])
            plan = self._plan(domain, integration, harmless)
        fields: dict[str, Any] = {}
        if plan.fields:
            unit = _own_unit(given) or unit
            for name, field, value in plan.fields:
                found = value(given[name], unit)
                if found is not None:
                    fields.setdefault(field, found)
        chosen: Chosen = {}
        for name, chosen_name in plan.chosen:
            _choose(chosen_name, given[name], chosen)
        text = _only(plan.in_text, attributes, given) if self._with_text else None
        return Kept(text, Details(**fields) if fields else None, chosen or None)

    def _holds(self, domain: str, integration: str | None, name: str, raw: Raw) -> bool:
        if self._use(domain, integration, name) is _LEFT_OUT:
            return True
        return privacy.holds_secret(raw) or (not self._location and privacy.holds_place(name, raw))

    def _find_plan(self, domain: str, integration: str | None, names: Iterable[str]) -> _Plan:
        uses = [(name, self._use(domain, integration, name)) for name in names]
        return _Plan(
            tuple(name for name, use in uses if use.in_text),
            tuple((name, *use.field) for name, use in uses if use.field is not None),
            tuple((name, use.chosen) for name, use in uses if use.chosen is not None),
        )

    def _find_use(self, domain: str, integration: str | None, name: str) -> _Use:
        unwanted = privacy.is_place(name) and not self._location
        if privacy.is_secret(name) or unwanted or _matches(name, self._exclude):
            return _LEFT_OUT
        return _Use(
            in_text=self._with_text and (self._all or not unrecorded(domain, integration, name)),
            field=typed.field_of(domain, name),
            chosen=_NO_NAME.sub("_", name.lower()) if _matches(name, self._names) else None,
        )


def _only(names: tuple[str, ...], attributes: str, given: Mapping[str, Raw]) -> str:
    if len(names) == len(given):
        return attributes
    return msgspec.json.encode({name: given[name] for name in names}).decode()


def _own_unit(given: Mapping[str, Raw]) -> str | None:
    own = given.get(typed.UNIT_OF_TEMPERATURES)
    return None if own is None else typed.text(own)


def _choose(name: str, raw: Raw, chosen: Chosen) -> None:
    """Note a chosen attribute: `attr_NAME` is a number, `attr_NAME_text` a text, for ever.

    So an attribute whose own name ends in `_text` has no number.
    """
    if (said := bytes(raw)) in (b"true", b"false"):
        number: float | None = float(said == b"true")
    else:
        number = None if said.startswith(b'"') else typed.number(raw)
    if number is not None and not name.endswith(_TEXT):
        chosen[f"attr_{name}"] = number
    elif (text := typed.text(raw)) is not None:
        chosen[f"attr_{name}{_TEXT}"] = text


def _matches(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)
