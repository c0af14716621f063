"""A plan: what becomes of attributes with certain names, worked out once, and compiled for msgspec. Pure.

    climate     {"hvac_modes": [...], "temperature": 21, "friendly_name": "Bath"}
    names       temperature, friendly_name | hvac_modes             those of the text | those that are left out
    read        a struct with these fields: one look finds them all, or tells that the names are others
    write       a struct with those of the text: what msgspec encodes is the text that is stored

Attributes are struct fields by their places; each value stays the JSON that was sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct, defstruct, field

from ingestor.enrichment import typed

TAGS = ("friendly_name", "unit_of_measurement", "device_class", "state_class", "timestamp")
"""The attributes that become tags, or a value."""
Tags: TypeAlias = tuple[Raw | None, ...]
"""Their values, as they were sent."""

_ABSENT = "absent"
_FIELDS = tuple(typed.READERS)
_NO_FIELD = re.compile(r'["\\\x00-\x1f]')  # what msgspec refuses in the name of a field
_by_names = msgspec.json.Decoder(dict[str, Raw]).decode


class Use(Struct, frozen=True):
    """What an attribute is for; `may_be_place` wants a look at its value."""

    in_text: bool = False
    field: str | None = None
    chosen: str | None = None
    may_be_place: bool = False

    @property
    def is_number(self) -> bool:
        """Whether nothing but a number can come of it."""
        return self.chosen is None and (self.field is None or typed.READERS[self.field] is typed.number)


NOTHING = Use()


class Plan(Struct, frozen=True):
    """What becomes of attributes with these `names`: first come those `in_text`, then others `used`, then the rest.

    `read` returns a struct of their values, and raises `ValidationError` where the names are others; `write` takes the
    values of those in the text. Elsewhere attributes are numbers: their places among the names. So are the `fields` of
    `Details` that they become, with how each is read; of two attributes that become one the last counts, if it tells
    something. Where `text_tells_all`, a look at the text finds whatever would be stored of their values, but numbers.
    """

    names: tuple[str, ...]
    in_text: int
    used: int
    read: Callable[[Raw], Any]
    write: Callable[..., Any]
    tags: Callable[[Any], Tags]
    fields: tuple[tuple[int, int, typed.Reader], ...]
    temperatures: tuple[int, ...]
    chosen: tuple[tuple[int, str], ...]
    unit: int | None
    may_be_place: bool
    text_tells_all: bool

    def fit(self, attributes: Raw) -> Any:  # noqa: ANN401  a struct of the plan's own
        """Return the values of attributes with the names of the plan; None where they have others."""
        try:
            return self.read(attributes)
        except msgspec.ValidationError:
            return None


def make_plan(uses: Mapping[str, Use]) -> Plan:
    """Return what becomes of attributes with these names."""
    names = tuple(sorted(uses, key=lambda name: (not uses[name].in_text, uses[name] == NOTHING)))
    in_text = sum(use.in_text for use in uses.values())
    by_place = [(place, uses[name]) for place, name in enumerate(names)]
    fields = [(place, use.field) for place, use in by_place if use.field is not None]
    tags = [f"_{names.index(name)}" if name in names else _ABSENT for name in TAGS]
    return Plan(
        names=names,
        in_text=in_text,
        used=sum(use != NOTHING for use in uses.values()),
        read=_reader(names),
        write=_writer(names[:in_text]),
        tags=attrgetter(*tags),
        fields=tuple((place, _FIELDS.index(of), typed.READERS[of]) for place, of in reversed(fields)),
        temperatures=tuple(_FIELDS.index(of) for _, of in fields if of in typed.TEMPERATURES),
        chosen=tuple((place, use.chosen) for place, use in by_place if use.chosen is not None),
        unit=names.index(typed.UNIT_OF_TEMPERATURES) if typed.UNIT_OF_TEMPERATURES in names else None,
        may_be_place=any(use.may_be_place for use in uses.values()),
        text_tells_all=all(use.in_text or use.is_number for use in uses.values() if use != NOTHING),
    )


def _reader(names: tuple[str, ...]) -> Callable[[Raw], Any]:
    if _can_be_fields(names):
        return msgspec.json.Decoder(_struct(names)).decode
    numbered = _struct(map(str, range(len(names))))

    def read(attributes: Raw) -> Any:  # noqa: ANN401  a struct
        given = _by_names(attributes)
        if given.keys() != set(names):
            raise msgspec.ValidationError("other names")
        return numbered(*[given[name] for name in names])

    return read


def _writer(names: tuple[str, ...]) -> Callable[..., Any]:
    return _struct(names) if _can_be_fields(names) else lambda *values: dict(zip(names, values, strict=True))


def _can_be_fields(names: tuple[str, ...]) -> bool:
    return not any(map(_NO_FIELD.search, names))


def _struct(names: Iterable[str]) -> type[Struct]:
    """Return a struct with an attribute in each field."""
    fields = [(f"_{place}", Raw, field(name=name)) for place, name in enumerate(names)]
    return defstruct("Given", fields, namespace={_ABSENT: None}, forbid_unknown_fields=True, frozen=True, gc=False)
