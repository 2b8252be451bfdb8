SELECT EXISTS (
    SELECT 1 FROM servers WHERE next_check_at_ms <= ?1 OR next_check_at_ms > ?2
) AS due
