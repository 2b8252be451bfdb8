SELECT tasks.*, servers.owner AS server_owner
FROM tasks LEFT JOIN servers ON servers.id = tasks.server_id
WHERE tasks.id = ?1
