SELECT
    EXISTS (SELECT 1 FROM asset_chunks WHERE asset_id >= 'upload:' AND asset_id < 'upload;') AS uploads,
    EXISTS (
        SELECT 1 FROM servers WHERE used <> (
            SELECT coalesce(sum(tasks.weight), 0) FROM tasks
            WHERE tasks.server_id = servers.id AND tasks.state = 'PROCESSING'
        )
    ) AS slots
