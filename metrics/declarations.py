"""What a metric is and how a fact moves it: said beside the fact, carried out by the exporter. Pure.

    CONNECTED = Gauge("ingestor_connected", "1 while the home is connected and subscribed.", HOME)

    class SessionOpened(ServiceEvent, frozen=True, kw_only=True):
        METRICS = (Counter("ingestor_sessions", "Sessions that subscribed.", HOME).inc(), CONNECTED.set(1))

The series of a metric are a mapping from the values of its labels to a cell: a number, or a list of them. An `Update`
moves the cell that the labels of the fact name. An amount is a number, or the name of an attribute of the fact. The
words are those of Prometheus' clients: `inc`, `set`, `observe`.

Facts come with every frame, so an update is a closure over `attrgetter`s that is made once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from logging import INFO
from operator import attrgetter
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

from msgspec import Struct

BUCKETS_SECONDS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
    *(1.25, 1.5, 2.0, 2.5, 5.0, 10.0),  # around COMMIT_SECONDS and what follows from it
    *(30.0, 60.0, 120.0, 300.0, 900.0, 3600.0),  # an outage
)

Key: TypeAlias = str | tuple[str, ...]
"""The value of the only label, or of all in their order; an empty tuple where there is none."""

Cell: TypeAlias = Any
"""What a kind of metric remembers of one series."""

Series: TypeAlias = MutableMapping[Key, Cell]
Amount: TypeAlias = str | float


class ServiceEvent(Struct, frozen=True, kw_only=True):
    """Any fact but those of the supervisors."""

    LEVEL: ClassVar[int] = INFO
    METRICS: ClassVar[tuple[Update, ...]] = ()

    @property
    def level(self) -> int:
        """How loudly the log says it."""
        return self.LEVEL


class Update(NamedTuple):
    """A metric, and what moves its series for a fact."""

    metric: Metric
    move: Callable[[Series, Any], None]


@dataclass(frozen=True, slots=True)
class Label:
    """A label, read from the attribute of the fact that has its name, unless `read` says how.

    `values` are all that can occur. Without any they are given to the exporter, or the series come with their facts.
    """

    name: str
    values: tuple[str, ...] = ()
    read: Callable[[Any], str] | None = None


HOME = Label("home")
STORE = Label("store")


class Metric:
    """A metric by its Prometheus name; that of a counter is without `_total`, which Prometheus' client adds.

    Labels are given as they are, or by their names with all their values: `code=IgnoredCode`.
    """

    kind: ClassVar[Literal["counter", "gauge", "histogram"]] = "gauge"

    def __init__(self, name: str, help_: str, *labels: Label, **values: Iterable[str]) -> None:
        self.name = name
        self.help = help_
        self.labels = (*labels, *(Label(label, tuple(known)) for label, known in values.items()))

    @property
    def key(self) -> Callable[[Any], Key]:
        """What reads the values of the labels from a fact."""
        match self.labels:
            case ():
                return lambda _fact: ()
            case (Label(read=read),) if read is not None:
                return read
        return attrgetter(*(label.name for label in self.labels))

    def first(self, _key: Key) -> Cell:
        """Return the cell of a series that nothing has moved yet."""
        return 0.0

    def shown(self, cell: Cell, _now: float) -> float:
        """Return the number that a cell stands for at this time, in Unix seconds."""
        return float(cell)


class Counter(Metric):
    """A number that only rises."""

    kind = "counter"

    def inc(self, by: Amount = 1.0) -> Update:
        """Add the amount; one of 0 makes the series."""
        key, amount = self.key, _amount(by)

        def move(series: Series, fact: Any) -> None:  # noqa: ANN401  whatever fact declares it
            series[key(fact)] += amount(fact)

        return Update(self, move)


class Gauge(Metric):
    """A number of this moment; until a fact says another it is `start`, or what that has for the last label, or 0."""

    def __init__(
        self,
        name: str,
        help_: str,
        *labels: Label,
        start: float | Mapping[str, float] = 0.0,
        **values: Iterable[str],
    ) -> None:
        super().__init__(name, help_, *labels, **values)
        self.start = start

    def first(self, key: Key) -> Cell:
        """Return the start."""
        last = key if isinstance(key, str) else key[-1] if key else ""
        return self.start.get(last, 0.0) if isinstance(self.start, Mapping) else self.start

    def set(self, to: Amount) -> Update:
        """Make it this number."""
        key, amount = self.key, _amount(to)

        def move(series: Series, fact: Any) -> None:  # noqa: ANN401  whatever fact declares it
            series[key(fact)] = amount(fact)

        return Update(self, move)

    def raise_to(self, to: Amount) -> Update:
        """Make it this number where that is higher; `None` changes nothing."""
        key, amount = self.key, _amount(to)

        def move(series: Series, fact: Any) -> None:  # noqa: ANN401  whatever fact declares it
            number = amount(fact)
            if number is not None:
                series[key(fact)] = max(series[key(fact)], number)

        return Update(self, move)

    def set_each(self, to: str) -> Update:
        """Take the numbers of a mapping, by the values of the last label; the fact has those before it."""
        numbers, others = attrgetter(to), [label.name for label in self.labels[:-1]]

        def move(series: Series, fact: Any) -> None:  # noqa: ANN401  whatever fact declares it
            key = tuple(getattr(fact, name) for name in others)
            for value, number in numbers(fact).items():
                series[(*key, value) if key else value] = number

        return Update(self, move)

    def replace(self, by: str) -> Update:
        """Have the series of a mapping by the values of all labels, and no others."""
        numbers = attrgetter(by)

        def move(series: Series, fact: Any) -> None:  # noqa: ANN401  whatever fact declares it
            series.clear()
            series.update(numbers(fact))

        return Update(self, move)


class Age(Gauge):
    """The time since the moment that it is set to, in Unix seconds; -1 before the first."""

    def shown(self, cell: Cell, now: float) -> float:
        """Return the age in seconds."""
        return now - cell if cell else -1.0


class Histogram(Metric):
    """How many seconds something took. A cell counts by bucket, the last without a bound; behind them is the sum."""

    kind = "histogram"

    def first(self, _key: Key) -> Cell:
        """Return empty buckets."""
        return [*(0 for _ in BUCKETS_SECONDS), 0, 0.0]

    def observe(self, seconds: str) -> Update:
        """Take one time."""
        key, value = self.key, attrgetter(seconds)
        return Update(self, lambda series, fact: _observe(series[key(fact)], (value(fact),)))

    def observe_each(self, seconds: str) -> Update:
        """Take several times."""
        key, values = self.key, attrgetter(seconds)
        return Update(self, lambda series, fact: _observe(series[key(fact)], values(fact)))


def _observe(cell: list[float], seconds: Iterable[float]) -> None:
    """Count by bucket. Sorting all and looking once for each bound is much less work than looking for each of them."""
    ordered = sorted(seconds)
    below = 0
    for bucket, bound in enumerate(BUCKETS_SECONDS):
        if below == len(ordered):
            break
        within = bisect_right(ordered, bound, below)
        cell[bucket] += within - below
        below = within
    cell[-2] += len(ordered) - below
    cell[-1] += sum(ordered)


def _amount(amount: Amount) -> Callable[[Any], Any]:
    return attrgetter(amount) if isinstance(amount, str) else lambda _fact: amount
