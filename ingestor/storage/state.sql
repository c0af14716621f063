-- What the ingestor must remember beside the events: changed settings, and what could not be stored.
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ns INTEGER NOT NULL,  -- when it was set aside
    home TEXT, entity_id TEXT, time_ns INTEGER,  -- of the event, where it could be read
    code TEXT NOT NULL, message TEXT NOT NULL,
    body BLOB NOT NULL, digest BLOB NOT NULL UNIQUE  -- the record, and its hash: the same one is kept once
);
