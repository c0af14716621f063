-- The weather of the last days, for changes that are stored late; `body` is JSON.
CREATE TABLE observations (
    home TEXT NOT NULL, observed_at INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (home, observed_at)
) WITHOUT ROWID;
-- When each home's weather was asked for last, and how often on that day: a restart asks no sooner. `body` is JSON.
CREATE TABLE weather_requests (home TEXT PRIMARY KEY, body TEXT NOT NULL);
