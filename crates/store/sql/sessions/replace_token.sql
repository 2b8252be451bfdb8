UPDATE refresh_tokens
SET replaced_at_ms = ?2
WHERE secret_hash = ?1 AND replaced_at_ms IS NULL
RETURNING session_id
