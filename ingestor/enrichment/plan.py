"""A plan: what becomes of attributes with certain names, worked out once, and compiled. Pure.

    climate     {"hvac_modes": [...], "temperature": 21, "friendly_name": "Bath"}
    names       temperature, friendly_name | hvac_modes             those of the text | those that are left out
    read        a struct with these fields: one look finds them all, or tells that the names are others
    tell        a function of that struct: the text that is stored, as msgspec encodes a struct with those of the text;
                what becomes tags; and `Details(target_temperature=celsius(given._0, unit))`

Attributes are struct fields by their places; each value stays the JSON that was sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct, defstruct, field

from ingestor.enrichment import typed
from ingestor.model.records import Details

TAGS = ("friendly_name", "unit_of_measurement", "device_class", "state_class", "timestamp")
"""The attributes that become tags, or a value."""
Tags: TypeAlias = tuple[Raw | None, ...]
"""Their values, as they were sent."""
Told: TypeAlias = tuple[str | None, Tags, Details | None]
"""What attributes come to: a text, none if it is the one that was sent; tags; and fields, if any of them is one."""

_NO_FIELD = re.compile(r'["\\\x00-\x1f]')  # what msgspec refuses in the name of a field
_encode = msgspec.json.Encoder().encode
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
        return self.chosen is None and (self.field is None or typed.READERS[self.field] is not typed.text)


NOTHING = Use()


class Plan(Struct, frozen=True):
    """What becomes of attributes with these `names`: first come those `in_text`, then others `used`, then the rest.

    `read` returns a struct of their values, and raises `ValidationError` where the names are others; `tell` takes it,
    with the unit of the home's temperatures. By `chosen` stand their places among the names. Where `text_tells_all`, a
    look at the text finds whatever would be stored of their values, but numbers.
    """

    names: tuple[str, ...]
    used: int
    read: Callable[[Raw], Any]
    tell: Callable[[Any, str | None], Told]
    chosen: tuple[tuple[int, str], ...]
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
    by_place = [(place, uses[name]) for place, name in enumerate(names)]
    return Plan(
        names=names,
        used=sum(use != NOTHING for use in uses.values()),
        read=_reader(names),
        tell=_teller(names, uses),
        chosen=tuple((place, use.chosen) for place, use in by_place if use.chosen is not None),
        may_be_place=any(use.may_be_place for use in uses.values()),
        text_tells_all=all(use.in_text or use.is_number for use in uses.values() if use != NOTHING),
    )


def _teller(names: tuple[str, ...], uses: Mapping[str, Use]) -> Callable[[Any, str | None], Told]:
    """Return the function that makes `Told` of what `read` returns.

    It is compiled from a source, as a dataclass compiles its `__init__`: loops over the attributes take twice the time.
    """
    values = {name: f"given._{place}" for place, name in enumerate(names)}
    in_text = tuple(name for name in names if uses[name].in_text)
    text = f"encode(in_text({', '.join(map(values.__getitem__, in_text))})).decode()"
    tags = ", ".join(values.get(name, "None") for name in TAGS)
    fields: dict[str, str] = {}
    for name in names:
        if (field := uses[name].field) is not None:
            told = f"{typed.READERS[field].__name__}({values[name]}, unit)"
            fields[field] = f"first({fields[field]}, {told})" if field in fields else told
    details = f"Details({', '.join(f'{field}={told}' for field, told in fields.items())})"
    own_unit = values.get(typed.UNIT_OF_TEMPERATURES)
    source = f"""
def tell(given, unit):
 unit = {f"text({own_unit}) or unit" if own_unit else "unit"}
 return {text if len(in_text) < len(names) else None}, ({tags}), {details if fields else None}
"""
    known: dict[str, Any] = {reader.__name__: reader for reader in typed.READERS.values()}
    known |= {"in_text": _writer(in_text), "encode": _encode, "first": _first, "Details": Details}
    exec(source, known)  # noqa: S102  of our own words and of places, never of data
    tell: Callable[[Any, str | None], Told] = known["tell"]
    return tell


def _first(one: float | str | None, other: float | str | None) -> float | str | None:
    return other if one is None else one


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
    return defstruct("Given", fields, forbid_unknown_fields=True, frozen=True, gc=False)
