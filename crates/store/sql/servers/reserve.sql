-- No row: not so many slots are free, or not yet. What models take is counted from the tasks that hold it.
-- An ejection is no hindrance here: whether it counts depends on the other servers (fleet::choose).
-- Times further ahead than they can be are from before the clock was set back (fleet::is_cooling,
-- fleet::Rate).
UPDATE servers SET
    used = used + ?2,
    rate_until_ms = CASE
        WHEN ?5 IS NULL THEN rate_until_ms
        WHEN rate_until_ms > ?7 + ?6 + ?5 THEN ?7 + ?6 + ?5
        ELSE max(rate_until_ms, ?7) + ?5
    END
WHERE id = ?1 AND state = 'ONLINE' AND used + ?2 <= slots
  AND (cooldown_until_ms <= ?7 OR cooldown_until_ms > ?7 + 600000 OR cooldown_reason = 'failing')
  AND (?5 IS NULL OR rate_until_ms <= ?7 + ?6 OR rate_until_ms > ?7 + ?6 + ?5)
  AND (?3 IS NULL OR ?2 + (
      SELECT coalesce(sum(tasks.weight), 0) FROM tasks
      WHERE tasks.server_id = servers.id AND tasks.model = ?3 AND tasks.state = 'PROCESSING'
  ) <= ?4)
RETURNING used
