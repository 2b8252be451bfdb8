-- A row when the node processor of some room is behind. A claim until later than ?2 is from before
-- the clock was set back.
SELECT 1 AS due
FROM rooms
WHERE processed_seq < head_seq AND (next_process_at_ms <= ?1 OR next_process_at_ms > ?2)
LIMIT 1
