UPDATE asset_chunks SET asset_id = ?2 WHERE asset_id = ?1
