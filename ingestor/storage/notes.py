"""The notes for the ledger, kept beside the watermarks until the ledger has them."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from ingestor.model.gaps import Note

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Note] = msgspec.msgpack.Decoder(Note)


class Written(Struct, frozen=True):
    """A note with its number; numbers rise."""

    number: int
    note: Note


def write(connection: sqlite3.Connection, notes: Sequence[Note]) -> None:
    """Add notes, within a transaction."""
    bodies = [_encoder.encode(note) for note in notes]
    connection.executemany("INSERT INTO notes (checksum, body) VALUES (?, ?)", ((zlib.crc32(b), b) for b in bodies))


def read(connection: sqlite3.Connection) -> list[Written]:
    """Return all notes that are what was written, the oldest first."""
    rows = connection.execute("SELECT id, checksum, CAST(body AS BLOB) FROM notes ORDER BY id")
    return [Written(id_, _decoder.decode(body)) for id_, checksum, body in rows if zlib.crc32(body) == checksum]


def forget(connection: sqlite3.Connection, until: int) -> None:
    """Delete the notes up to this number."""
    connection.execute("DELETE FROM notes WHERE id <= ?", (until,))
