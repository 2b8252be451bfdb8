-- What a task holds is what its own row says: the count of its server follows in the same statement,
-- so that no way of ending or removing a task can forget it. Whoever takes more than there is fails.
ALTER TABLE tasks DROP COLUMN weight
--;;
CREATE TRIGGER tasks_take_slot AFTER UPDATE OF state, server_id ON tasks
WHEN new.state = 'PROCESSING' AND new.server_id IS NOT NULL
    AND (old.state <> 'PROCESSING' OR old.server_id IS NOT new.server_id)
BEGIN
    SELECT raise(ABORT, 'no slot of the server is free')
    WHERE NOT EXISTS (SELECT 1 FROM servers WHERE id = new.server_id AND used < slots);
    UPDATE servers SET used = used + 1 WHERE id = new.server_id;
END
--;;
CREATE TRIGGER tasks_free_slot AFTER UPDATE OF state, server_id ON tasks
WHEN old.state = 'PROCESSING' AND old.server_id IS NOT NULL
    AND (new.state <> 'PROCESSING' OR new.server_id IS NOT old.server_id)
BEGIN
    UPDATE servers SET used = max(used - 1, 0) WHERE id = old.server_id;
END
--;;
CREATE TRIGGER tasks_leave_slot AFTER DELETE ON tasks
WHEN old.state = 'PROCESSING' AND old.server_id IS NOT NULL
BEGIN
    UPDATE servers SET used = max(used - 1, 0) WHERE id = old.server_id;
END
--;;
UPDATE servers SET used = (
    SELECT count(*) FROM tasks WHERE tasks.server_id = servers.id AND tasks.state = 'PROCESSING'
)
