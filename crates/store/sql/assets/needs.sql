-- Who needs an asset: anybody, the tenant, and those whose bytes are not in the object storage.
SELECT
    EXISTS (SELECT 1 FROM assets WHERE id = ?2) AS anybody,
    EXISTS (
        SELECT 1 FROM assets JOIN projects ON projects.id = assets.project_id
        WHERE assets.id = ?2 AND projects.tenant = ?1
    ) AS tenant,
    EXISTS (
        SELECT 1 FROM assets LEFT JOIN projects ON projects.id = assets.project_id
        WHERE assets.id = ?2 AND NOT EXISTS (
            SELECT 1 FROM asset_objects
            WHERE asset_objects.tenant = projects.tenant AND asset_objects.asset_id = ?2
                AND asset_objects.state = 'stored'
        )
    ) AS chunks,
    (SELECT chunks_name FROM asset_contents WHERE asset_id = ?2) AS chunks_name
