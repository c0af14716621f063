CREATE VIEW home_assistant_events AS
SELECT
    e.time,
    s.home, s.entity_id, s.domain, s.device_class, s.state_class, s.area, s.friendly_name, s.unit,
    e.state, e.value, e.previous_state, e.previous_duration_seconds, a.text AS attributes,
    o.temperature AS weather_temperature, o.humidity AS weather_humidity, o.pressure AS weather_pressure,
    o.condition AS weather_condition, o.observed_at AS weather_observed_at,
    e.persons_home, e.caused_by, e.removed
FROM events AS e
JOIN series AS s ON s.id = e.series_id
LEFT JOIN attributes AS a ON a.id = e.attributes_id
LEFT JOIN observations AS o ON o.id = e.observation_id
