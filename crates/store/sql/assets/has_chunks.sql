SELECT EXISTS (SELECT 1 FROM asset_chunks WHERE asset_id = ?1 AND part = 0)
    OR EXISTS (SELECT 1 FROM asset_contents WHERE asset_id = ?1) AS stored
