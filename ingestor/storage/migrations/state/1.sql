-- What the ingestor must remember beside the events: changed settings, and what could not be stored.
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ns INTEGER NOT NULL,  -- when it was set aside
    home TEXT, entity_id TEXT, time_ns INTEGER,  -- of the event, where it could be read
    code TEXT NOT NULL, message TEXT NOT NULL,
    body BLOB NOT NULL, digest BLOB NOT NULL UNIQUE  -- the record, and its hash: the same one is kept once
);
-- The ledger: what was missed, and what became of it. Times in microseconds are Home Assistant's, `found_ns` is ours.
CREATE TABLE IF NOT EXISTS gaps (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    gap TEXT NOT NULL UNIQUE, home TEXT NOT NULL, cause TEXT NOT NULL, detail TEXT NOT NULL,
    from_us INTEGER NOT NULL, found_ns INTEGER NOT NULL,
    whole INTEGER NOT NULL,  -- all its intervals are known
    intact_since_us INTEGER,  -- Home Assistant has proved that it runs since then
    anchors TEXT NOT NULL,
    state TEXT NOT NULL,  -- open, filled, partly, tail_unproven, since
    reason TEXT NOT NULL DEFAULT '', entities INTEGER NOT NULL DEFAULT 0, refilled INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS intervals (  -- those that are open, and those that are listed; a closed one is deleted with its gap
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    gap TEXT NOT NULL REFERENCES gaps (gap), home TEXT NOT NULL, entity_id TEXT NOT NULL,
    after_us INTEGER, until_us INTEGER, returned_us INTEGER, body TEXT NOT NULL,
    reason TEXT  -- why it can not be closed; none while it is open, empty when it is closed
);
CREATE UNIQUE INDEX IF NOT EXISTS intervals_identity
    ON intervals (gap, entity_id, ifnull(after_us, 0), ifnull(until_us, 0));
-- The mark of the embedded database when the ledger closed an interval last: one with a lower mark is an older copy.
CREATE TABLE IF NOT EXISTS commits (id INTEGER PRIMARY KEY, number INTEGER NOT NULL);
-- How far Home Assistant's clock was behind ours when it was read last: more in the next session, and it was set back.
CREATE TABLE IF NOT EXISTS clocks (home TEXT PRIMARY KEY, heard_ns INTEGER NOT NULL, lag_us INTEGER NOT NULL);
-- What `ingestor backfill` has done: states are imported until `cursor_us`, statistics until `hours_us`.
CREATE TABLE IF NOT EXISTS backfills (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    home TEXT NOT NULL, from_us INTEGER NOT NULL, to_us INTEGER NOT NULL,
    cursor_us INTEGER NOT NULL, hours_us INTEGER NOT NULL,
    state TEXT NOT NULL,  -- running, done, failed
    detail TEXT NOT NULL DEFAULT '',
    cause TEXT NOT NULL DEFAULT '',  -- why it was begun, where that was not the user's wish: the ledger is told
    compared INTEGER NOT NULL DEFAULT 0, imported INTEGER NOT NULL DEFAULT 0, statistics INTEGER NOT NULL DEFAULT 0,
    tails BLOB  -- the last row of every entity before the cursor, MessagePack
);
