UPDATE servers SET
    errors = ?5, ejections = ?6, cooldown_until_ms = ?7,
    cooldown_reason = coalesce(?8, cooldown_reason)
WHERE id = ?1 AND errors = ?2 AND ejections = ?3 AND cooldown_until_ms = ?4
