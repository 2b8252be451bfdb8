INSERT INTO asset_objects (tenant, asset_id, state, upload_id, etags) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (tenant, asset_id) DO UPDATE SET state = ?3, upload_id = ?4, etags = ?5
WHERE asset_objects.state = 'moving'
RETURNING asset_id
