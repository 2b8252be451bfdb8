INSERT INTO refresh_tokens (secret_hash, session_id, created_at_ms)
VALUES (?1, ?2, ?3)
