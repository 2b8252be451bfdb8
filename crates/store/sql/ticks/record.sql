INSERT INTO ticks (name, last_tick_at_ms) VALUES ('application', ?1)
ON CONFLICT (name) DO UPDATE SET last_tick_at_ms = max(last_tick_at_ms, excluded.last_tick_at_ms)
