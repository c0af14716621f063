"""Whether Home Assistant's clock was set back while nobody heard it: then what came has times that seem captured. Pure.

Of each session is noted how far that clock is behind ours, as little as any of its changes shows: what is heard late
only seems to be more. The first note of a session is compared with the last of the one before.
"""

from __future__ import annotations

from ingestor.model import instants
from ingestor.model.gaps import ClockRead

FINER_US = instants.SECOND_US // 2  # a lag is noted again when it has shown to be this much less
AGAIN_NS = 300 * instants.SECOND_NS  # or after this time, so that it is known about when a gap began


def read_clock(home: str, noted: ClockRead | None, newest_ns: int, heard_ns: int) -> ClockRead | None:
    """Return what is to be noted once changes up to `newest_ns` have been heard; None where it is nothing new.

    `noted` is the last note of this session; its first one `opens` it.
    """
    lag_us = instants.to_us(heard_ns - newest_ns)
    if noted is None:
        return ClockRead(home=home, heard_ns=heard_ns, lag_us=lag_us, opens=True)
    if lag_us < noted.lag_us - FINER_US or heard_ns >= noted.heard_ns + AGAIN_NS:
        return ClockRead(home=home, heard_ns=heard_ns, lag_us=min(lag_us, noted.lag_us), opens=False)
    return None
