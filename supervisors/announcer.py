"""Between the supervisors of a tree and their observer: what it raises ends here."""

from __future__ import annotations

import logging

from supervisors.events import Observer, SupervisorEvent

_log = logging.getLogger(__name__)


class Announcer:
    """Tells an observer every event; one that raises is logged once per kind of error, counted, and told the next."""

    def __init__(self, observer: Observer | None) -> None:
        self.failures = 0
        self._observer = observer
        self._logged: set[type[Exception]] = set()

    def tell(self, event: SupervisorEvent) -> None:
        """Tell the observer, if there is one."""
        if self._observer is None:
            return
        try:
            self._observer(event)
        except Exception as error:  # noqa: BLE001  an observer's failure is its own
            self.failures += 1
            if type(error) not in self._logged:
                self._logged.add(type(error))
                _log.exception("an observer failed on %s of %s", type(event).__name__, "/".join(event.path))
