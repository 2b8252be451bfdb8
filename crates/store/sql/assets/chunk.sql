SELECT bytes FROM asset_chunks
WHERE asset_id = COALESCE((SELECT chunks_name FROM asset_contents WHERE asset_id = ?1), ?1)
    AND part = ?2
