SELECT bytes FROM asset_chunks WHERE asset_id = ?1 AND part = ?2
