-- The same compare-and-set for several tasks: those that come back are written. Each of ?1 is a list
-- in the order of the parameters of replace.sql.
UPDATE tasks SET
    state = new.value ->> 2, phase = new.value ->> 3, version = version + 1, attempt = new.value ->> 4,
    server_id = new.value ->> 5, external_id = new.value ->> 6, progress = new.value ->> 7,
    result = new.value ->> 8, error = new.value ->> 9, asset_id = new.value ->> 10,
    misses = new.value ->> 11, unserved_since_ms = new.value ->> 12,
    lease_expires_at_ms = new.value ->> 13, next_action_at_ms = new.value ->> 14,
    started_at_ms = new.value ->> 15, ended_at_ms = new.value ->> 16, failures = new.value ->> 17,
    sent_at_ms = new.value ->> 18, model = new.value ->> 19, usage = new.value ->> 20,
    paid = new.value ->> 21
FROM json_each(?1) AS new
WHERE tasks.id = new.value ->> 0 AND tasks.version = new.value ->> 1
RETURNING tasks.id
