"""What is stored of a state's attributes: the text, without what is left out, and the fields that some of them become.

| left out | unless |
|---|---|
| secrets (`privacy.py`) | never stored |
| places (`privacy.py`) | `LOCATION=true` |
| what `EXCLUDE_ATTRIBUTES` names | |
| what Home Assistant's recorder leaves out (`unrecorded.py`), in the text alone | `ATTRIBUTES=all` |

It is the same for live, restored, refilled and backfilled events. What an attribute becomes is worked out once for each
name, domain and integration; attributes of which nothing is left out stay the very text that was sent. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Raw, Struct

from ingestor.enrichment import privacy, typed
from ingestor.enrichment.unrecorded import unrecorded
from ingestor.model.records import Chosen, Details

_KEPT_NAMES = 20_000  # of all domains and integrations together; no home has so many
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
_decoder = msgspec.json.Decoder(dict[str, Raw])
_Uses: TypeAlias = dict[str, _Use]


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
        self._uses: dict[tuple[str, str | None], _Uses] = {}
        self._known = 0

    def keep(self, domain: str, integration: str | None, attributes: str, unit: str | None) -> Kept:
        """Return what is stored of the attributes of an entity; `unit` is that of the home's temperatures."""
        given = _decoder.decode(attributes)
        uses = self._uses.get((domain, integration)) or self._uses.setdefault((domain, integration), {})
        suspicious = privacy.may_hold(attributes)
        fields: dict[str, Any] = {}
        chosen: Chosen = {}
        left_out: list[str] = []
        for name, raw in given.items():
            use = uses.get(name) or self._use(uses, domain, integration, name)
            if suspicious and use is not _LEFT_OUT and self._holds(name, raw):
                use = _LEFT_OUT
            if use.field is not None:
                field, read = use.field
                found = read(raw, _own_unit(given) or unit)
                if found is not None:
                    fields.setdefault(field, found)
            if use.chosen is not None:
                _choose(use.chosen, raw, chosen)
            if not use.in_text:
                left_out.append(name)
        text = _without(attributes, given, left_out) if self._with_text else None
        return Kept(text, Details(**fields) if fields else None, chosen or None)

    def _holds(self, name: str, raw: Raw) -> bool:
        return privacy.holds_secret(raw) or (not self._location and privacy.holds_place(name, raw))

    def _use(self, uses: _Uses, domain: str, integration: str | None, name: str) -> _Use:
        if self._known >= _KEPT_NAMES:
            self._uses.clear()
            self._known = 0
        self._known += 1
        uses[name] = use = self._find_use(domain, integration, name)
        return use

    def _find_use(self, domain: str, integration: str | None, name: str) -> _Use:
        unwanted = privacy.is_place(name) and not self._location
        if privacy.is_secret(name) or unwanted or _matches(name, self._exclude):
            return _LEFT_OUT
        return _Use(
            in_text=self._with_text and (self._all or not unrecorded(domain, integration, name)),
            field=typed.field_of(domain, name),
            chosen=_NO_NAME.sub("_", name.lower()) if _matches(name, self._names) else None,
        )


def _without(attributes: str, given: dict[str, Raw], left_out: list[str]) -> str:
    if not left_out:
        return attributes
    for name in left_out:
        del given[name]
    return msgspec.json.encode(given).decode()


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
