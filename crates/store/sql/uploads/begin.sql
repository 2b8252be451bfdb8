-- Whoever comes last may write: a writer before it may have lost its client without noticing.
UPDATE uploads SET writer = ?2
WHERE id = ?1 AND received = ?3 AND asset_id IS NULL AND expires_at_ms > ?4
RETURNING id
