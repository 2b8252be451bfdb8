SELECT EXISTS (SELECT 1 FROM asset_chunks WHERE asset_id = ?1 AND part = 0) AS stored
