-- What the environment said when a setting was changed through the API: once it says something else, that holds again.
ALTER TABLE settings ADD COLUMN configured TEXT;
