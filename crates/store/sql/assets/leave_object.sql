UPDATE asset_objects SET state = 'leaving'
WHERE tenant = ?1 AND asset_id = ?2 AND NOT EXISTS (
    SELECT 1 FROM assets JOIN projects ON projects.id = assets.project_id
    WHERE assets.id = ?2 AND projects.tenant = ?1
)
RETURNING *
