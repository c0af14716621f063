"""What a tree should do, written down in the simplest way: no tasks, no time, one thing after the other.

`Branch` and `Leaf` describe a tree and at once hold its modelled state. Every change appends to one `log` who starts
and who ends, in the words that the actors of the real tree use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from supervisors import Restart, StopOrder, Strategy

Log = list[str]


class GaveUp(Exception):
    """The modelled root has failed upward."""


@dataclass(kw_only=True, eq=False)
class Leaf:
    """An actor. `late` makes its next start take too long."""

    id: str
    restart: Restart
    drains: bool = True
    stubborn: bool = False
    late: bool = False
    up: bool = False
    wanted: bool = True
    begun: bool = False

    def start(self, log: Log) -> bool:
        """Return whether it got up."""
        log.append(f"start {self.id}")
        self.up, self.late = not self.late, False
        if not self.up:
            log.append(f"end {self.id}")
        return self.up

    def stop(self, log: Log) -> None:
        if self.up:
            self.up = False
            log.append(f"end {self.id}")

    def leaves(self) -> Iterator[Leaf]:
        yield self


@dataclass(kw_only=True, eq=False)
class Branch:
    """A supervisor."""

    id: str
    restart: Restart
    strategy: Strategy
    stop_order: StopOrder
    restarts: int
    children: list[Leaf | Branch] = field(default_factory=list)
    lasting: list[Leaf | Branch] = field(default_factory=list)
    up: bool = False
    wanted: bool = True
    begun: bool = False
    counted: int = 0

    def leaves(self) -> Iterator[Leaf]:
        for child in self.children:
            yield from child.leaves()

    def branches(self) -> Iterator[Branch]:
        yield self
        for child in self.children:
            if isinstance(child, Branch):
                yield from child.branches()

    def start(self, log: Log) -> bool:
        """Begin afresh; return whether it got up."""
        self.children, self.counted, self.up = list(self.lasting), 0, True
        for child in self.children:
            child.wanted, child.begun = True, False
        try:
            self.bring_up(log)
        except GaveUp:
            return False
        return True

    def stop(self, log: Log) -> None:
        for child in self._stopping(self.children):
            child.stop(log)
        self.up = False

    def bring_up(self, log: Log) -> None:
        """Start all that is wanted and not up, from the first on; again from the first when one fails."""
        while missing := next((child for child in self.children if child.wanted and not child.up), None):
            missing.begun = True
            if not missing.start(log):
                self.lose([missing], log, crashed=True)

    def lose(self, ended: Sequence[Leaf | Branch], log: Log, *, crashed: bool) -> None:
        """Children have ended by themselves, all at once. Raises `GaveUp`."""
        for child in ended:
            if child.restart is Restart.PERMANENT or (child.restart is Restart.TRANSIENT and crashed):
                self.counted += 1
            else:
                child.wanted = False
        if self.counted > self.restarts:
            self.stop(log)
            raise GaveUp
        affected = self._affected([child for child in ended if child.wanted])
        for child in affected:
            child.wanted = child.restart is not Restart.TEMPORARY or not child.begun
        for child in self._stopping(affected):
            child.stop(log)
        self._forget()

    def let_go(self, child: Leaf | Branch, log: Log) -> None:
        child.stop(log)
        self.children.remove(child)
        self.lasting = [other for other in self.lasting if other is not child]

    def _affected(self, ended: Sequence[Leaf | Branch]) -> Sequence[Leaf | Branch]:
        if not ended or self.strategy is Strategy.ONE_FOR_ONE:
            return ended
        first = 0 if self.strategy is Strategy.ONE_FOR_ALL else min(map(self.children.index, ended))
        return self.children[first:]

    def _stopping(self, children: Sequence[Leaf | Branch]) -> Sequence[Leaf | Branch]:
        return children if self.stop_order is StopOrder.START_ORDER else children[::-1]

    def _forget(self) -> None:
        self.children = [child for child in self.children if child.wanted or child.restart is not Restart.TEMPORARY]


def parent_of(root: Branch, child: Leaf | Branch) -> Branch | None:
    """Return who supervises it; none for the root."""
    return next((branch for branch in root.branches() if child in branch.children), None)


def end(root: Branch, ended: Sequence[Leaf | Branch], log: Log, *, crashed: bool) -> None:
    """Let siblings end by themselves, with all that follows up to the root. Raises `GaveUp` when that fails."""
    parent = parent_of(root, ended[0])
    if parent is None:
        raise GaveUp
    for child in ended:
        child.stop(log)
    try:
        parent.lose(ended, log, crashed=crashed)
        parent.bring_up(log)
    except GaveUp:
        end(root, [parent], log, crashed=True)


def take(root: Branch, branch: Branch, child: Leaf | Branch, log: Log) -> None:
    """Add a child. Raises `GaveUp` when the root fails of it."""
    branch.children.append(child)
    if child.restart is not Restart.TEMPORARY:
        branch.lasting.append(child)
    try:
        branch.bring_up(log)
    except GaveUp:
        end(root, [branch], log, crashed=True)
