DELETE FROM asset_jobs WHERE kind = ?1 AND tenant = ?2 AND asset_id = ?3
