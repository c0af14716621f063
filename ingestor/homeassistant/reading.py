"""Reading the recorder chunk by chunk, with who was at home and what the weather was."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Collection
from dataclasses import dataclass

from ingestor.audit.chunks import Chunks
from ingestor.audit.rows import Row, Surroundings, Timeline
from ingestor.homeassistant.recorder import Recorder
from ingestor.messages import WeatherObservation

MARGIN_US = 1000  # bounds are strict, and a time may lose its last digits on the way


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How rows are read. `persons` are the ids of all persons; `weather` was observed, by Unix nanoseconds."""

    persons: Callable[[], Collection[str]]
    weather: Callable[[int], WeatherObservation | None]
    with_attributes: bool = True
    clock_ns: Callable[[], int] = time.time_ns

    async def read(
        self, recorder: Recorder, entity_ids: Collection[str], start_us: int, end_us: int | None
    ) -> AsyncGenerator[tuple[dict[str, list[Row]], Surroundings]]:
        """Yield the rows from a start to before an end, once each and by entity, chunk by chunk in order."""
        chunks = Chunks(start_us, end_us, lambda: self.clock_ns() // 1000)
        for low_us, high_us in chunks:
            answer, size_bytes = await recorder.history(entity_ids, low_us - MARGIN_US, high_us)
            chunks.answered(size_bytes)
            around = await self._around(recorder, low_us, high_us)
            within = {
                entity_id: [row for row in rows if low_us <= row.at_us and (high_us is None or row.at_us < high_us)]
                for entity_id, rows in answer.items()
            }
            yield within, around

    async def _around(self, recorder: Recorder, start_us: int, end_us: int | None) -> Surroundings:
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
