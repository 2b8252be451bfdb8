SELECT EXISTS (
    SELECT 1 FROM effects WHERE next_action_at_ms <= ?1 OR next_action_at_ms > ?2
) AS due
