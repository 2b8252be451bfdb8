SELECT s.id, s.account_id, s.tenant, s.expires_at_ms, s.ended_at_ms, t.replaced_at_ms,
    (SELECT count(*) FROM refresh_tokens AS o
     WHERE o.session_id = s.id AND o.replaced_at_ms IS NULL) AS current_tokens
FROM refresh_tokens AS t
JOIN sessions AS s ON s.id = t.session_id
WHERE t.secret_hash = ?1
