-- A new state beats a check that is under way, and begins with no successes and failures of its own.
-- A change of anything else is none of the checks' business.
UPDATE servers SET
    state = coalesce(?3, state),
    slots = coalesce(?4, slots),
    tier = coalesce(?5, tier),
    rate_per_min = coalesce(?6, rate_per_min),
    rises = CASE WHEN ?3 <> state THEN 0 ELSE rises END,
    changed_at_ms = CASE WHEN ?3 <> state THEN ?7 ELSE changed_at_ms END,
    next_check_at_ms = CASE WHEN ?3 <> state THEN ?7 ELSE next_check_at_ms END
WHERE id = ?1 AND (?2 IS NULL OR state = ?2)
RETURNING *
