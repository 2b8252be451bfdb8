INSERT INTO revocations (kind, tenant, id, not_before_s, expires_at_s)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (kind, tenant, id) DO UPDATE SET
    not_before_s = max(not_before_s, excluded.not_before_s),
    expires_at_s = max(expires_at_s, excluded.expires_at_s)
