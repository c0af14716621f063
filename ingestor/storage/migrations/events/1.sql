-- The embedded database. Anyone may read it with sqlite3 while the service runs: query the views and tables of docs/schema.md.
-- Times are Unix nanoseconds, UTC. What repeats (tags, attributes, weather) is stored once and joined. The views, and the
-- columns of fields that were added since the first version, are made by columns.py.

CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY,
    home TEXT NOT NULL, entity_id TEXT NOT NULL, domain TEXT NOT NULL,
    device_class TEXT, state_class TEXT, area TEXT, friendly_name TEXT, unit TEXT
);
CREATE TABLE IF NOT EXISTS attributes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);  -- id: a 64-bit hash of the text
CREATE TABLE IF NOT EXISTS observations (
    id INTEGER PRIMARY KEY,  -- a 64-bit hash of the rest
    location TEXT NOT NULL, observed_at INTEGER NOT NULL,
    temperature REAL, humidity REAL, pressure REAL, condition TEXT
);
CREATE TABLE IF NOT EXISTS events (
    series_id INTEGER NOT NULL REFERENCES series (id),
    time INTEGER NOT NULL,
    state TEXT, value REAL, previous_state TEXT, previous_duration_seconds REAL,
    attributes_id INTEGER REFERENCES attributes (id),
    observation_id INTEGER REFERENCES observations (id),
    persons_home INTEGER, caused_by TEXT, removed INTEGER,
    PRIMARY KEY (series_id, time)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS events_time ON events (time);
CREATE TABLE IF NOT EXISTS home_assistant_entities (
    time INTEGER NOT NULL,
    home TEXT NOT NULL, entity_id TEXT NOT NULL, domain TEXT NOT NULL,
    friendly_name TEXT, device TEXT, area TEXT, floor TEXT, labels TEXT, integration TEXT,
    PRIMARY KEY (home, entity_id, time)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS home_assistant_statistics (
    home TEXT NOT NULL, entity_id TEXT NOT NULL, source TEXT NOT NULL, unit TEXT NOT NULL,  -- '' where there is none
    time INTEGER NOT NULL,
    mean REAL, min REAL, max REAL, sum REAL, state REAL,
    PRIMARY KEY (home, entity_id, time, source, unit)
) WITHOUT ROWID;

-- How many commits there were of history, not of live changes; the ledger remembers it, and so knows an older copy.
CREATE TABLE IF NOT EXISTS commits (id INTEGER PRIMARY KEY, number INTEGER NOT NULL);
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
