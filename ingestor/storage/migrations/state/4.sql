-- What was dropped, until the user has acknowledged it: counters end with their process.
CREATE TABLE losses (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ns INTEGER NOT NULL, reason TEXT NOT NULL, records INTEGER NOT NULL, events INTEGER NOT NULL,
    detail TEXT NOT NULL,
    acknowledged_ns INTEGER
);
-- How much was captured of each home in each hour, since 1970; `live` of it as it happened, within the `seconds` in which
-- the home was heard.
CREATE TABLE captures (
    home TEXT NOT NULL, hour INTEGER NOT NULL,
    events INTEGER NOT NULL, live INTEGER NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (home, hour)
) WITHOUT ROWID;
