INSERT INTO counters (series, value)
SELECT value ->> 0, value ->> 1 FROM json_each(?1) WHERE true
ON CONFLICT (series) DO UPDATE SET value = value + excluded.value
