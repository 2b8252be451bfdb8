INSERT INTO servers (id, tenant, owner, name, url, kinds, token, slots, state,
                     changed_at_ms, next_check_at_ms, created_at_ms,
                     account, interface, models, secret, webhook_secret, tier, rate_per_min,
                     on_lost_answer, batch)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
        CASE WHEN ?11 IN ('tasks', 'predict') THEN 'OFFLINE' ELSE 'ONLINE' END, ?9, ?9, ?9,
        ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
ON CONFLICT (tenant, owner, url, account) DO UPDATE SET
    name = excluded.name, kinds = excluded.kinds, token = excluded.token,
    slots = excluded.slots, next_check_at_ms = excluded.next_check_at_ms,
    changed_at_ms = excluded.changed_at_ms,
    -- Accounts are not checked: nothing else would bring one ONLINE, and none is ever seen.
    state = CASE WHEN excluded.state = 'ONLINE' AND state = 'OFFLINE' THEN 'ONLINE' ELSE state END,
    last_seen_at_ms = CASE WHEN excluded.state = 'ONLINE' THEN NULL ELSE last_seen_at_ms END,
    interface = excluded.interface, models = excluded.models, secret = excluded.secret,
    webhook_secret = excluded.webhook_secret, tier = excluded.tier,
    rate_per_min = excluded.rate_per_min, on_lost_answer = excluded.on_lost_answer,
    batch = excluded.batch, cooldown_until_ms = 0, cooldown_reason = NULL, errors = 0, ejections = 0
RETURNING *
