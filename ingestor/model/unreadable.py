"""What decoding an answer raises, whatever a peer has said: one tuple for every place that decodes one."""

from __future__ import annotations

import msgspec

UNREADABLE = (
    msgspec.MsgspecError,
    UnicodeError,  # bytes that are no text
    RecursionError,  # nested beyond any sense
    OverflowError,  # numbers beyond all time
)
