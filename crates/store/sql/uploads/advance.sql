UPDATE uploads SET received = ?4, hash = COALESCE(?5, hash), expires_at_ms = ?6
WHERE id = ?1 AND writer = ?2 AND received = ?3 AND asset_id IS NULL
RETURNING id
