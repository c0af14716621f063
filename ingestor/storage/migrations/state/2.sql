-- One kind of job for everything that compares a span of time with Home Assistant's recorder.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    home TEXT NOT NULL,
    kind TEXT NOT NULL,  -- audit, backfill, loss, clock
    cause TEXT NOT NULL DEFAULT '',  -- why it was begun, where that was not the user's wish
    from_us INTEGER NOT NULL, to_us INTEGER NOT NULL,
    cursor_us INTEGER NOT NULL,  -- states are compared until here
    hours_us INTEGER NOT NULL,  -- and statistics until here
    state TEXT NOT NULL,  -- waiting, running, done, cancelled, failed
    code TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',  -- why it waits or ended, or what it found strange
    crashes INTEGER NOT NULL DEFAULT 0,
    compared INTEGER NOT NULL DEFAULT 0, imported INTEGER NOT NULL DEFAULT 0,
    accounted INTEGER NOT NULL DEFAULT 0, statistics INTEGER NOT NULL DEFAULT 0,
    tails BLOB  -- the last row of every entity before the cursor, MessagePack
);
INSERT INTO jobs (id, home, kind, cause, from_us, to_us, cursor_us, hours_us, state, reason,
                  compared, imported, statistics, tails)
    SELECT id, home,
           CASE cause WHEN '' THEN 'backfill' WHEN 'clock_set_back' THEN 'clock' ELSE 'loss' END,
           cause, from_us, to_us, cursor_us, hours_us, state, detail, compared, imported, statistics, tails
    FROM backfills;
-- Times that no database can hold stopped every backfill: 1677-09-22 to 2262-04-10 are within reach.
UPDATE jobs SET state = 'failed', reason = 'no database can hold these times'
    WHERE state = 'running' AND (min(from_us, to_us) < -9223285636854774 OR max(from_us, to_us) > 9223285636854774);
UPDATE jobs SET from_us = max(min(from_us, 9223285636854774), -9223285636854774),
                to_us = max(min(to_us, 9223285636854774), -9223285636854774);
DROP TABLE backfills;
