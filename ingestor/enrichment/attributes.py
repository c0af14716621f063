"""What is stored of a state's attributes: the text, without what is left out, and the fields that some of them become.

| left out | unless |
|---|---|
| secrets (`homeassistant/privacy.py`) | never stored |
| places (`homeassistant/privacy.py`) | `LOCATION=true` |
| what `EXCLUDE_ATTRIBUTES` names | |
| what Home Assistant's recorder leaves out (`unrecorded.py`), in the text alone | `ATTRIBUTES=all` |

It is the same for live, restored, refilled and backfilled events. What becomes of an attribute depends on its name, its
domain and its integration. So it is worked out once for each set of names: the plan (`plan.py`), which msgspec carries
out for every state. Attributes of which nothing is left out stay the very text that was sent. Pure.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Literal

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import astuple, replace

from ingestor.enrichment import typed
from ingestor.enrichment.plan import NOTHING, Plan, Tags, Use, make_plan
from ingestor.enrichment.unrecorded import unrecorded
from ingestor.homeassistant import privacy
from ingestor.model.records import Chosen, Details

_NAMES_CACHED = 20_000  # of all domains and integrations together; no home has so many
_PLANS_CACHED = 500  # about 10 KiB each; entities of a kind share one, or a few
_TEXT = "_text"
_NO_DETAILS = Details()
_NO_NAME = re.compile(r"[^a-z0-9_]")

_read = msgspec.json.Decoder(dict[str, Raw]).decode
_write = msgspec.json.Encoder().encode


class Kept(Struct, frozen=True, gc=False):
    """What is stored of attributes: `text` is JSON, `details` and `chosen` are the fields that they become.

    `tags` are what becomes tags, as it was sent. The `plan` fits attributes of the same names.
    """

    text: str | None = None
    details: Details | None = None
    chosen: Chosen | None = None
    tags: Tags = ()
    plan: Plan | None = None


NOTHING_KEPT = Kept()


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
        self, domain: str, integration: str | None, attributes: Raw, unit: str | None, last: Kept = NOTHING_KEPT
    ) -> Kept:
        """Return what is stored of the attributes of an entity; `unit` is that of the home's temperatures.

        An entity keeps to its names, and often to its text: `last` is what was kept of it, by the same domain and
        integration.
        """
        plan = last.plan
        given = None if plan is None else plan.fit(attributes)
        if plan is None or given is None:
            plan = self._plan(domain, integration, tuple(_read(attributes)))
            given = plan.read(attributes)
        text, tags, details = plan.tell(given, unit)
        if text is None:
            text = str(attributes, "utf-8")
        if plan.text_tells_all and text == last.text:
            text = last.text
        elif plan.may_be_place or privacy.may_hold(text if plan.text_tells_all else str(attributes, "utf-8")):
            used = dict(zip(plan.names[: plan.used], astuple(given), strict=False))
            harmless = {name: raw for name, raw in used.items() if not privacy.holds(name, raw, self._location)}
            if len(harmless) < len(used):
                kept = self.keep(domain, integration, Raw(_write(harmless)), unit)
                return replace(kept, tags=tags, plan=plan)
        return Kept(
            text if self._with_text else None,
            None if details == _NO_DETAILS else details,
            _chosen(plan, astuple(given)) if plan.chosen else None,
            tags,
            plan,
        )

    def _find_plan(self, domain: str, integration: str | None, names: tuple[str, ...]) -> Plan:
        return make_plan({name: self._use(domain, integration, name) for name in names})

    def _find_use(self, domain: str, integration: str | None, name: str) -> Use:
        unwanted = privacy.is_place(name) and not self._location
        if privacy.is_secret(name) or unwanted or _matches(name, self._exclude):
            return NOTHING
        return Use(
            in_text=self._with_text and (self._all or not unrecorded(domain, integration, name)),
            field=typed.field_of(domain, name),
            chosen=_NO_NAME.sub("_", name.lower()) if _matches(name, self._names) else None,
            may_be_place=privacy.is_place_if_nested(name) and not self._location,
        )


def _chosen(plan: Plan, values: tuple[Raw, ...]) -> Chosen | None:
    chosen: Chosen = {}
    for place, name in plan.chosen:
        _choose(name, values[place], chosen)
    return chosen or None


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
