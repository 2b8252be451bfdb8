UPDATE asset_garbage SET chunks_name = ?3 WHERE tenant = ?1 AND asset_id = ?2
