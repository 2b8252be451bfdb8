-- What a tick looks at before it takes the write lock.
SELECT
    EXISTS (
        SELECT 1 FROM asset_jobs
        WHERE kind = 'thumbnails' AND (next_action_at_ms <= ?1 OR next_action_at_ms > ?2)
    ) AS thumbnails,
    EXISTS (
        SELECT 1 FROM asset_jobs
        WHERE kind = 'move' AND (next_action_at_ms <= ?1 OR next_action_at_ms > ?2)
    ) AS moves,
    EXISTS (SELECT 1 FROM asset_garbage WHERE since_ms IS NULL) AS unseen,
    EXISTS (SELECT 1 FROM asset_garbage WHERE since_ms <= ?3) AS garbage,
    EXISTS (SELECT 1 FROM uploads WHERE expires_at_ms <= ?1) AS uploads
