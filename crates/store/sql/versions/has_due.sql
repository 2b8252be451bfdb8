-- A row when some room was written after its last automatic version and the time of the next has
-- come. A time beyond ?2 is from before the clock was set back.
SELECT 1 AS due
FROM rooms
WHERE versioned_seq < head_seq AND (next_version_at_ms <= ?1 OR next_version_at_ms > ?2)
LIMIT 1
