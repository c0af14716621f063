"""A home's past, as its recorder has it: the one place where it is asked what was, and in which order.

`Archive` knows where a home's recorder is, and what its rows do not say: who was at home, and the weather. `opened`
connects, and waits for the barrier: from then on everything that happened before is committed, and is in the answers.
`Past` is what can be asked then. All bounds are half-open and in Home Assistant's time.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from msgspec.structs import replace

from ingestor.enrichment.attributes import Attributes
from ingestor.history.rows import Surroundings, Timeline
from ingestor.homeassistant.answers import Row
from ingestor.homeassistant.chunks import AnswerSizes, Chunks
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.homeassistant.privacy import hidden, is_password, is_text
from ingestor.homeassistant.recorder import AnswerTooLarge, Recorder, opened
from ingestor.model.records import WeatherObservation

MARGIN_US = 1000  # bounds are strict, and a time may lose its last digits on the way
LOOK_BACK_US = 60 * 10**6  # the first step back; each is four times as long
FARTHEST_STEP_US = 3600 * 10**6
FARTHEST_US = 31 * 86_400 * 10**6  # three times what a recorder keeps by default
WHOLE_US = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One home's recorder. `persons` are the ids of all persons; `weather` was observed, by Unix nanoseconds.

    `wanted` is what is stored of attributes.
    """

    endpoint: Endpoint
    persons: Callable[[], Collection[str]]
    weather: Callable[[int], WeatherObservation | None]
    wanted: Attributes = field(default_factory=Attributes)
    clock_ns: Callable[[], int] = time.time_ns
    sizes: AnswerSizes = field(default_factory=AnswerSizes)

    @property
    def home(self) -> str:
        """Whose it is."""
        return self.endpoint.home

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Past]:
        """Hold what has been until now. Raises what `recorder.opened` raises."""
        async with opened(self.endpoint, self.sizes) as recorder:
            await recorder.wait_committed()
            yield Past(self, recorder)


class Past:
    """What a recorder answers. Its methods raise what those of `Recorder` raise.

    `persons` are those of the archive, until more are known.
    """

    def __init__(self, archive: Archive, recorder: Recorder) -> None:
        self.recorder = recorder
        self.persons = archive.persons
        self._archive = archive
        self._readable: set[str] | None = None

    def windows(self, start_us: int, end_us: int | None) -> Chunks:
        """Return the spans to ask for, one after the other; without an end the last one is open."""
        return Chunks(start_us, end_us, self._now_us, self._archive.sizes)

    async def rows(
        self, entity_ids: Collection[str], low_us: int, high_us: int | None, *, with_start: bool = False
    ) -> AsyncGenerator[tuple[dict[str, list[Row]], int]]:
        """Yield the rows within [low, high) by entity, with the size of the answer in bytes.

        They come in one answer; where that would be too large, in several, in the order of time. `with_start` adds a
        row for what each entity was before.
        """
        parts = Chunks(low_us, high_us, self._now_us, self._archive.sizes, first_us=WHOLE_US)
        for from_us, to_us in parts:
            is_first = with_start and from_us == low_us
            try:
                answer, size_bytes = await self.recorder.history(
                    entity_ids, from_us - MARGIN_US, to_us, with_start=is_first
                )
            except AnswerTooLarge:
                parts.too_large()
                continue
            least_us = from_us - MARGIN_US if is_first else from_us
            within = {
                entity_id: [row for row in rows if least_us <= row.at_us and (to_us is None or row.at_us < to_us)]
                for entity_id, rows in answer.items()
            }
            parts.answered(size_bytes, is_empty=not any(within.values()))
            await self._hide(within)
            del answer  # so that it is not in memory beside the next one
            yield within, size_bytes

    async def all_rows(
        self, entity_ids: Collection[str], low_us: int, high_us: int | None, *, with_start: bool = False
    ) -> dict[str, list[Row]]:
        """Return the rows within [low, high), by entity."""
        found: dict[str, list[Row]] = {}
        async for rows, _ in self.rows(entity_ids, low_us, high_us, with_start=with_start):
            for entity_id, more in rows.items():
                found.setdefault(entity_id, []).extend(more)
        return found

    async def had_begun(self, entity_ids: Iterable[str], at_us: int) -> set[str]:
        """Return which entities had a state just before a time."""
        states, _ = await self.recorder.history([*entity_ids], at_us, at_us + 1, with_start=True)
        return {entity_id for entity_id, rows in states.items() if rows}

    async def before(self, entity_ids: Iterable[str], at_us: int, farthest_us: int = FARTHEST_US) -> dict[str, Row]:
        """Return the last row of each entity before a time, where the recorder has one that is not too far back."""
        wanted = await self.had_begun(entity_ids, at_us)
        found: dict[str, Row] = {}
        low_us, step_us = at_us, LOOK_BACK_US // 4
        while wanted and at_us - low_us < farthest_us:
            high_us, step_us = low_us, min(FARTHEST_STEP_US, 4 * step_us)
            low_us = high_us - self._archive.sizes.longest_us(high_us - step_us, high_us)
            rows = await self.all_rows(wanted, low_us, high_us)
            found |= {entity_id: of[-1] for entity_id, of in rows.items() if of}
            wanted -= found.keys()
        return found

    async def around(self, low_us: int, high_us: int | None) -> Surroundings:
        """Return what was around the changes of a span."""
        persons = self.persons()
        rows = await self.all_rows(persons, low_us, high_us, with_start=True) if persons else {}
        timeline = Timeline(rows)
        return Surroundings(
            persons_home=timeline.persons_home if persons else lambda _at_us: 0,
            weather=lambda at_us: self._archive.weather(at_us * 1000),
            wanted=self._archive.wanted,
            temperature_unit=self.recorder.temperature_unit,
        )

    async def _hide(self, rows: dict[str, list[Row]]) -> None:
        """Hide what was typed into fields of which it is not certain that they are no passwords.

        The recorder does not keep their mode: it is that of now, and of a field that is gone nobody knows.
        """
        texts = [entity_id for entity_id in rows if is_text(entity_id)]
        if texts and self._readable is None:
            self._readable = {one.entity_id for one in await self.recorder.states() if not is_password(one)}
        for entity_id in texts:
            if self._readable is not None and entity_id not in self._readable:
                rows[entity_id] = [replace(one, s=one.s and hidden(one.s)) for one in rows[entity_id]]

    def _now_us(self) -> int:
        return self._archive.clock_ns() // 1000
