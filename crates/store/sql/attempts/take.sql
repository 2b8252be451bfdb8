INSERT INTO buckets (name, level, at_ms, full_at_ms)
VALUES (?1, 1, ?2, ?3)
ON CONFLICT (name) DO UPDATE SET
    level = CASE WHEN full_at_ms <= ?2 THEN 1 ELSE level + 1 END,
    at_ms = CASE WHEN full_at_ms <= ?2 THEN ?2 ELSE at_ms END,
    full_at_ms = CASE WHEN full_at_ms <= ?2 THEN ?3 ELSE full_at_ms END
WHERE full_at_ms <= ?2 OR level < ?4
RETURNING level
