SELECT EXISTS (
    SELECT 1 FROM asset_objects JOIN projects ON projects.tenant = asset_objects.tenant
    WHERE projects.id = ?1 AND asset_objects.asset_id = ?2 AND asset_objects.state = 'stored'
) AS stored
