-- The truth about slots is the tasks that hold them; rows removed with their project held some.
UPDATE servers SET used = (
    SELECT coalesce(sum(tasks.weight), 0) FROM tasks
    WHERE tasks.server_id = servers.id AND tasks.state = 'PROCESSING'
)
WHERE used <> (
    SELECT coalesce(sum(tasks.weight), 0) FROM tasks
    WHERE tasks.server_id = servers.id AND tasks.state = 'PROCESSING'
)
