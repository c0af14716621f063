CREATE VIEW weather AS
SELECT observed_at * 1000000000 AS time, location, temperature, humidity, pressure, condition FROM observations
