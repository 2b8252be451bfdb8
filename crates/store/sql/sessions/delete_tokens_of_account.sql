DELETE FROM refresh_tokens
WHERE session_id IN (SELECT id FROM sessions WHERE account_id = ?1)
