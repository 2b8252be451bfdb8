SELECT EXISTS (SELECT 1 FROM effects WHERE next_action_at_ms <= ?1) AS due
