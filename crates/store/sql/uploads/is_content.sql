SELECT EXISTS (SELECT 1 FROM asset_contents WHERE chunks_name = ?1) AS used
