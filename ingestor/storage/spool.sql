-- What the database has not confirmed yet, and how far each entity was captured. Private to the ingestor.
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    records INTEGER NOT NULL, events INTEGER NOT NULL,
    checksum INTEGER NOT NULL,  -- crc32 of the body
    body BLOB NOT NULL
);
