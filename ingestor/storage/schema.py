"""What one file of `DATA_DIR` holds, and the statements that bring an older file there.

**The format** of a file is its `user_version`: the number of the newest migration that it has had. Migration n is
`migrations/FILE/n.sql`; a new file has them all, from 1 on, so that there is one way to a shape and no second text to
keep in step. What is published never changes: a later shape is a later number. Version 0.1.0 wrote format 1.

**Derived from code**, and so without a number: columns, which are added to a table that lacks them, and views and
indexes, which are made anew whenever their text differs. They may only be what an older version goes on with: it
ignores a column that it does not know, as it names those that it writes. So they need no copy of the file. What is no
longer wanted is dropped by a migration; views that the user made are never touched.

**Rules for a migration.** It is SQL; each statement ends at the end of a line, and none begins or ends a transaction.
A table may be rebuilt (make the new one, copy, drop, rename): our views are gone meanwhile, `ALTER TABLE` looks at no
other ones (`legacy_alter_table`), and foreign keys are not enforced. What it does to `batches`, `captured`,
`watermarks` and `notes`, `salvage.py` must follow, which copies them out of a damaged file row by row. What a copy of
format n must not keep, `migrations/FILE/copies/n.sql` takes out of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What a file holds: the migrations, first to last; the columns of a table, with their types; views and indexes.

    Those, `derived`, are the whole statements that create them, by their names. `cleanings` are what is done to a copy,
    by its format.
    """

    migrations: tuple[str, ...]
    cleanings: Mapping[int, str] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    derived: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        folder: Path,
        *,
        columns: Mapping[str, Mapping[str, str]] | None = None,
        derived: Mapping[str, str] | None = None,
    ) -> Schema:
        """Return what the files of a folder say, `1.sql`, `2.sql`, ..., with what code derives."""
        files, cleanings = (
            {int(file.stem): file.read_text(encoding="utf-8") for file in of.glob("*.sql")}
            for of in (folder, folder / "copies")
        )
        migrations = tuple(files.get(number, "") for number in range(1, max(files) + 1))
        return cls(migrations=migrations, cleanings=cleanings, columns=columns or {}, derived=derived or {})

    @property
    def format(self) -> int:
        """The number of the newest migration."""
        return len(self.migrations)

    def statements(self, connection: sqlite3.Connection) -> Iterator[str]:
        """Yield what a file lacks, for each to be executed before the next one is asked for, all in one transaction.

        A file that lacks nothing is only read.
        """
        found = format_of(connection)
        for name, (kind, text) in self._made(connection).items():
            if text != self.derived[name] or (kind == "view" and found < self.format):
                yield f"DROP {kind} {name}"
        for script in self.migrations[found:]:
            yield from _split(script)
        for table, columns in self.columns.items():
            known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            lacking = (name for name in columns if name not in known)
            yield from (f"ALTER TABLE {table} ADD COLUMN {name} {columns[name]}" for name in lacking)
        made = self._made(connection)
        yield from (text for name, text in self.derived.items() if name not in made)
        if found < self.format:
            yield f"PRAGMA user_version = {self.format}"

    def _made(self, connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
        """Return the kind and the text of what is derived and there, by its name."""
        query = "SELECT name, type, sql FROM sqlite_master WHERE type IN ('view', 'index')"
        return {name: (kind, text) for name, kind, text in connection.execute(query) if name in self.derived}


def format_of(connection: sqlite3.Connection) -> int:
    """Return a file's format; 0 of a new one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _split(script: str) -> Iterator[str]:
    """Yield the statements of a script; each ends at the end of a line."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement  # a comment, or what SQLite will refuse
