DELETE FROM refresh_tokens
WHERE session_id IN (
    SELECT id FROM sessions WHERE expires_at_ms <= ?1 ORDER BY expires_at_ms LIMIT 100
)
