"""A stream that lets small messages gather in the kernel's buffer before it reads them, all in one go.

Home Assistant sends a frame per event and moment; most of what a frame costs is paid per read and per wake-up, not per
byte. A pause of a tenth of a second before each read halves the cost of receiving at 100 events a second. A read that
brings much is followed by the next one at once: Home Assistant closes a connection that is slow during a flood.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

FLOOD_BYTES = 32 * 1024  # a read that brings more is no longer a few messages


class GatheringStream(trio.abc.Stream):
    """Wraps a transport. `pause_seconds` is asked before each read; 0 is none."""

    def __init__(self, transport: trio.abc.Stream, pause_seconds: Callable[[], float]) -> None:
        self._transport = transport
        self._pause_seconds = pause_seconds
        self._flooded = False

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Return what has arrived, after the pause; see `trio.abc.ReceiveStream`."""
        pause = 0.0 if self._flooded else self._pause_seconds()
        if pause:
            await trio.sleep(pause)
        received = await self._transport.receive_some(max_bytes)
        self._flooded = len(received) >= FLOOD_BYTES
        return received

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send at once; see `trio.abc.SendStream`."""
        await self._transport.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the transport does."""
        await self._transport.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()
