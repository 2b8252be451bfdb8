-- What an operator asks for, by index: what waits and since when, what has ended lately, what failed.
-- The class of the error that the task failed with, or that its last attempt did.
ALTER TABLE tasks ADD COLUMN error_class TEXT GENERATED ALWAYS AS (
    CASE WHEN json_valid(error) THEN error ->> '$.class' END
) VIRTUAL
--;;
-- With everything that is asked of waiting tasks, so that counting them reads no rows.
DROP INDEX tasks_waiting
--;;
CREATE INDEX tasks_waiting ON tasks (kind, tenant, rank_ms, id, next_action_at_ms, created_at_ms)
    WHERE state = 'WAITING'
--;;
-- From the last hour backwards.
CREATE INDEX tasks_ended ON tasks (ended_at_ms, state, tenant, kind) WHERE ended_at_ms IS NOT NULL
--;;
-- Lists: by time of creation, and of failures also by the time of their end.
CREATE INDEX tasks_by_creation ON tasks (created_at_ms, id, tenant)
--;;
CREATE INDEX tasks_failed ON tasks (tenant, created_at_ms, id, kind, project_id, node_id, ended_at_ms)
    WHERE state = 'FAILED'
--;;
CREATE INDEX tasks_dead ON tasks (tenant, ended_at_ms, id, kind, project_id, node_id) WHERE state = 'FAILED'
--;;
CREATE INDEX tasks_dead_by_class ON tasks (tenant, error_class, ended_at_ms, id, kind, project_id, node_id)
    WHERE state = 'FAILED'
