"""Reading the recorder chunk by chunk, with who was at home and what the weather was."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Collection
from dataclasses import dataclass, field

from ingestor.history.chunks import Chunks
from ingestor.history.rows import Surroundings, Timeline
from ingestor.homeassistant.recorder import Recorder
from ingestor.homeassistant.rows import Row
from ingestor.homeassistant.sizes import AnswerSizes
from ingestor.model.records import WeatherObservation

MARGIN_US = 1000  # bounds are strict, and a time may lose its last digits on the way
LOOK_BACK_US = 60 * 10**6  # the first step back; each is four times as long
FARTHEST_STEP_US = 3600 * 10**6
FARTHEST_US = 31 * 86_400 * 10**6  # three times what a recorder keeps by default


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How rows are read. `persons` are the ids of all persons; `weather` was observed, by Unix nanoseconds."""

    persons: Callable[[], Collection[str]]
    weather: Callable[[int], WeatherObservation | None]
    with_attributes: bool = True
    clock_ns: Callable[[], int] = time.time_ns
    sizes: AnswerSizes = field(default_factory=AnswerSizes)

    async def read(
        self, recorder: Recorder, entity_ids: Collection[str], start_us: int, end_us: int | None
    ) -> AsyncGenerator[tuple[dict[str, list[Row]], Surroundings]]:
        """Yield the rows from a start to before an end, once each and by entity, chunk by chunk in order."""
        chunks = Chunks(start_us, end_us, lambda: self.clock_ns() // 1000, self.sizes.longest_us)
        for low_us, high_us in chunks:
            within, size_bytes = await self.rows(recorder, entity_ids, low_us, high_us)
            chunks.answered(size_bytes, is_empty=not any(within.values()))
            yield within, await self.around(recorder, low_us, high_us)

    async def rows(
        self, recorder: Recorder, entity_ids: Collection[str], low_us: int, high_us: int | None
    ) -> tuple[dict[str, list[Row]], int]:
        """Return the rows within [low, high), by entity, and the size of the answer in bytes."""
        answer, size_bytes = await recorder.history(entity_ids, low_us - MARGIN_US, high_us)
        within = {
            entity_id: [row for row in rows if low_us <= row.at_us and (high_us is None or row.at_us < high_us)]
            for entity_id, rows in answer.items()
        }
        return within, size_bytes

    async def before(self, recorder: Recorder, entity_ids: Collection[str], at_us: int) -> dict[str, Row]:
        """Return the last row of each entity before a time, where the recorder has one."""
        states, _ = await recorder.history(entity_ids, at_us, at_us + 1, with_start=True)
        wanted = {entity_id for entity_id, rows in states.items() if rows}
        found: dict[str, Row] = {}
        low_us = high_us = at_us
        step_us = LOOK_BACK_US // 4
        while wanted and at_us - low_us < FARTHEST_US:
            high_us, step_us = low_us, min(FARTHEST_STEP_US, 4 * step_us)
            low_us = high_us - self.sizes.longest_us(high_us - step_us, high_us)
            rows, _ = await self.rows(recorder, wanted, low_us, high_us)
            found |= {entity_id: of[-1] for entity_id, of in rows.items() if of}
            wanted -= found.keys()
        return found

    async def around(self, recorder: Recorder, start_us: int, end_us: int | None) -> Surroundings:
        """Return what was around the changes of a span."""
        persons = self.persons()
        rows: dict[str, list[Row]] = {}
        if persons:
            rows, _ = await recorder.history(persons, start_us - MARGIN_US, end_us, with_start=True)
        timeline = Timeline(rows)
        return Surroundings(
            persons_home=timeline.persons_home if persons else lambda _at_us: 0,
            weather=lambda at_us: self.weather(at_us * 1000),
            with_attributes=self.with_attributes,
        )
