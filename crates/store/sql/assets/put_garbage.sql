INSERT INTO asset_garbage (tenant, asset_id, since_ms) VALUES (?1, ?2, ?3)
ON CONFLICT (tenant, asset_id) DO UPDATE SET since_ms = ?3
