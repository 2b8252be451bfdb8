UPDATE servers SET last_error = ?2, next_check_at_ms = min(next_check_at_ms, ?3) WHERE id = ?1
