"""One life of a child: the task between its start and its exit."""

from __future__ import annotations

import trio

from supervisors.mailbox import Mailbox
from supervisors.messages import Exited, Started
from supervisors.specs import ChildSpec


class Life:
    """Runs a child once and puts into the mailbox that it is ready and, exactly once, that it has ended.

    It is itself the `task_status` of the child.
    """

    def __init__(self, spec: ChildSpec, mailbox: Mailbox) -> None:
        self._spec = spec
        self._mailbox = mailbox
        self._scope = trio.CancelScope()
        self._may_start = True

    async def run(self) -> None:
        """Run the child. Every `Exception` ends in the mailbox; all others pass, also out of a group with one."""
        error: BaseException | None = None
        try:
            with self._scope:
                await self._spec.start(task_status=self)
        except* Exception as group:  # noqa: BLE001  to decide on any crash is what a supervisor is for
            error = _unwrapped(group)
        finally:
            self._may_start = False
            self._mailbox.put(Exited(self._spec.id, error))
            del error  # its traceback holds this frame: without the cycle it is freed at once

    def started(self, value: object = None) -> None:
        """Report that the child is ready to take work. Raises `RuntimeError` the second time, and after the end."""
        del value
        if not self._may_start:
            raise RuntimeError(f"{self._spec.id} called started() twice, or after it had ended")
        self._may_start = False
        self._mailbox.put(Started(self._spec.id))

    def cancel(self) -> None:
        """Cancel the task."""
        self._scope.cancel()


def _unwrapped(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
