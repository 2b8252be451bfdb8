-- Gives back the slots that the tasks of ?1 (a JSON list of ids) hold. Runs before they are cancelled.
UPDATE servers
SET used = max(0, used - held.held)
FROM (
    SELECT server_id, sum(weight) AS held
    FROM tasks
    WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'PROCESSING' AND server_id IS NOT NULL
    GROUP BY server_id
) AS held
WHERE servers.id = held.server_id
