-- What the database has not confirmed yet, and how far each entity was captured. Private to the ingestor.
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    records INTEGER NOT NULL, events INTEGER NOT NULL,
    checksum INTEGER NOT NULL,  -- crc32 of the body
    body BLOB NOT NULL
);
-- The last captured event of every entity, in order of arrival. `at_ns`: microseconds * 1000 + how many before it in
-- the same microsecond. The tags stand apart: they seldom change, and small rows cost a disk little. Checksums: crc32.
CREATE TABLE IF NOT EXISTS captured (
    id INTEGER PRIMARY KEY, home TEXT NOT NULL, entity_id TEXT NOT NULL, series TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    UNIQUE (home, entity_id)
);
CREATE TABLE IF NOT EXISTS watermarks (
    id INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, removed INTEGER NOT NULL, checksum INTEGER NOT NULL
);
-- What the ledger must learn, written with the watermarks that it is about. Checksum: crc32 of the body.
CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY AUTOINCREMENT, checksum INTEGER NOT NULL, body BLOB NOT NULL);
