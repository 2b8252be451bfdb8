SELECT count(*) AS open FROM uploads
WHERE tenant = ?1 AND created_by = ?2 AND asset_id IS NULL
