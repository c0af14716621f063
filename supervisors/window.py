"""The restart intensity: how many restarts a supervisor makes within a period before it gives up."""

from __future__ import annotations

from collections import deque

from supervisors.specs import Intensity


class RestartWindow:
    """Counts restarts over a sliding window: one of exactly a period ago counts no more."""

    def __init__(self, intensity: Intensity) -> None:
        self._intensity = intensity
        self._restarts: deque[float] = deque()

    def overflows(self, now: float) -> bool:
        """Count one more restart; return whether it is one too many. `now` never goes back."""
        self._restarts.append(now)
        while self._restarts[0] <= now - self._intensity.period_seconds:
            self._restarts.popleft()
        return len(self._restarts) > self._intensity.restarts
