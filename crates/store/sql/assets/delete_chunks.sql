DELETE FROM asset_chunks WHERE asset_id = ?1
