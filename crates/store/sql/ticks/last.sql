SELECT last_tick_at_ms FROM ticks WHERE name = 'application'
