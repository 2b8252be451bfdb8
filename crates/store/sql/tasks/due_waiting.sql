-- The next ?3 of each kind. Within a tenant by rank; between tenants each gets its next task in turn,
-- and what already works for it counts, so that a crowd of one tenant does not hide the others.
WITH
queues AS (
    SELECT DISTINCT kind, tenant FROM tasks WHERE state = 'WAITING'
),
due AS (
    SELECT
        tasks.id,
        tasks.kind,
        tasks.rank_ms,
        row_number() OVER (PARTITION BY tasks.kind, tasks.tenant ORDER BY tasks.rank_ms, tasks.id) + (
            SELECT count(*) FROM tasks AS working
            WHERE working.state = 'PROCESSING'
              AND working.kind = queues.kind AND working.tenant = queues.tenant
        ) AS share
    FROM queues
    JOIN tasks ON tasks.id IN (
        SELECT id FROM tasks AS next
        WHERE next.state = 'WAITING' AND next.kind = queues.kind AND next.tenant = queues.tenant
          AND (next.next_action_at_ms <= ?1 OR next.next_action_at_ms > ?2)
        ORDER BY next.rank_ms, next.id
        LIMIT ?3
    )
),
placed AS (
    SELECT id, share, row_number() OVER (PARTITION BY kind ORDER BY share, rank_ms, id) AS place FROM due
)
SELECT tasks.*
FROM placed JOIN tasks ON tasks.id = placed.id
WHERE placed.place <= ?3
ORDER BY placed.share, tasks.rank_ms, tasks.id
