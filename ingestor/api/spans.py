"""Spans of time as a user gives them to the API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from ingestor.model import instants
from ingestor.model.errors import UsageError

Moment = Annotated[AwareDatetime, AfterValidator(instants.within_reach)]


class Span(BaseModel):
    """From when to when, without an end until now; of which home, when there are several."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[Moment, Field(alias="from")]
    to: Moment | None = None
    home: str | None = None


def bounds(wanted: Span) -> tuple[int, int | None]:
    """Return a span in Unix microseconds. Raises what answers 400 for one that ends before it begins."""
    from_us = instants.microseconds(wanted.from_)
    to_us = None if wanted.to is None else instants.microseconds(wanted.to)
    if from_us >= (instants.now_us() if to_us is None else to_us):
        raise UsageError("the span of time is empty: it begins after its end")
    return from_us, to_us


def home_of(wanted: Span, homes: Sequence[str]) -> str:
    """Return the home that is meant. Raises what answers 400 for one that is unknown, or that has to be named."""
    home = homes[0] if wanted.home is None and len(homes) == 1 else wanted.home
    if home is None or home not in homes:
        raise UsageError(f"home: must be one of {', '.join(homes)}")
    return home
