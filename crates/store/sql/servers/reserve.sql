-- No row: not so many slots are free, or not yet. What models take is counted from the tasks that hold it.
UPDATE servers SET
    used = used + ?2,
    rate_until_ms = CASE WHEN ?5 IS NULL THEN rate_until_ms ELSE max(rate_until_ms, ?7) + ?5 END
WHERE id = ?1 AND state = 'ONLINE' AND used + ?2 <= slots
  AND cooldown_until_ms <= ?7
  AND (?5 IS NULL OR rate_until_ms <= ?7 + ?6)
  AND (?3 IS NULL OR ?2 + (
      SELECT coalesce(sum(tasks.weight), 0) FROM tasks
      WHERE tasks.server_id = servers.id AND tasks.model = ?3 AND tasks.state = 'PROCESSING'
  ) <= ?4)
RETURNING used
