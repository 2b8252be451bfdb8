-- Not the later of the two: after the clock was set back, a tick of before would look fresh for as
-- long as it was ahead.
INSERT INTO ticks (name, last_tick_at_ms) VALUES ('application', ?1)
ON CONFLICT (name) DO UPDATE SET last_tick_at_ms = excluded.last_tick_at_ms
