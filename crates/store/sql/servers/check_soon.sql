UPDATE servers SET next_check_at_ms = min(next_check_at_ms, ?2) WHERE id = ?1
