UPDATE uploads SET asset_id = ?3, expires_at_ms = ?4, writer = NULL, hash = NULL
WHERE id = ?1 AND (writer = ?2 OR kind = 'presigned') AND asset_id IS NULL
RETURNING id
