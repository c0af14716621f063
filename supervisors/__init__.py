"""Supervision for Trio after the model of Erlang/OTP: specs, strategies, restart intensity, trees.

Nothing in here knows what it supervises. Start with `Supervisor` and `ChildSpec`; the decisions are in `machine.py`.
"""

from supervisors.drawing import outline, render
from supervisors.errors import IntensityExceeded, StartTimeout
from supervisors.events import (
    ChildFailed,
    ChildRestarting,
    ChildStarted,
    ChildStarting,
    ChildStopped,
    ChildStuck,
    Observer,
    SupervisorEvent,
    SupervisorGaveUp,
    SupervisorStateChanged,
)
from supervisors.progress import Progress
from supervisors.snapshot import ChildSnapshot, SupervisorSnapshot
from supervisors.specs import Backoff, ChildSpec, Intensity, Restart, SpecError, Start, StopOrder, Strategy
from supervisors.supervisor import Supervisor

__all__ = [
    "Backoff",
    "ChildFailed",
    "ChildRestarting",
    "ChildSnapshot",
    "ChildSpec",
    "ChildStarted",
    "ChildStarting",
    "ChildStopped",
    "ChildStuck",
    "Intensity",
    "IntensityExceeded",
    "Observer",
    "Progress",
    "Restart",
    "SpecError",
    "Start",
    "StartTimeout",
    "StopOrder",
    "Strategy",
    "Supervisor",
    "SupervisorEvent",
    "SupervisorGaveUp",
    "SupervisorSnapshot",
    "SupervisorStateChanged",
    "outline",
    "render",
]
