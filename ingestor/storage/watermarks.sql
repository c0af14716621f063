-- The last captured event of every entity, in order of arrival. `at_ns`: microseconds * 1000 + how many before it in
-- the same microsecond. The tags stand apart: they seldom change, and small rows cost a disk little. Checksums: crc32.
CREATE TABLE captured (
    id INTEGER PRIMARY KEY, home TEXT NOT NULL, entity_id TEXT NOT NULL, series TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    UNIQUE (home, entity_id)
);
CREATE TABLE watermarks (
    id INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, removed INTEGER NOT NULL, checksum INTEGER NOT NULL
);
