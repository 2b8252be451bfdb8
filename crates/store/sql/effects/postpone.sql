UPDATE effects SET next_action_at_ms = ?2 WHERE id = ?1
