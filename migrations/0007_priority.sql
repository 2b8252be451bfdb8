-- In which order waiting tasks are served (TK10).
ALTER TABLE tasks ADD COLUMN priority INTEGER NOT NULL DEFAULT 0 CHECK (priority BETWEEN -10 AND 10)
--;;
-- A step of priority counts like a minute of waiting, so that nobody waits for ever.
ALTER TABLE tasks ADD COLUMN rank_ms INTEGER GENERATED ALWAYS AS (created_at_ms - priority * 60000) VIRTUAL
--;;
CREATE INDEX tasks_waiting ON tasks (kind, tenant, rank_ms, id) WHERE state = 'WAITING'
--;;
CREATE INDEX tasks_processing ON tasks (kind, tenant) WHERE state = 'PROCESSING'
