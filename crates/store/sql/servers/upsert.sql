INSERT INTO servers (id, tenant, owner, name, url, kinds, token, slots, state,
                     changed_at_ms, next_check_at_ms, created_at_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'OFFLINE', ?9, ?9, ?9)
ON CONFLICT (owner, url) DO UPDATE SET
    tenant = excluded.tenant, name = excluded.name, kinds = excluded.kinds, token = excluded.token,
    slots = excluded.slots, next_check_at_ms = excluded.next_check_at_ms,
    changed_at_ms = excluded.changed_at_ms
RETURNING *
