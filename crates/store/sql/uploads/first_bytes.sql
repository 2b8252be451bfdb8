SELECT substr(bytes, 1, ?2) AS bytes FROM asset_chunks WHERE asset_id = ?1 AND part = 0
