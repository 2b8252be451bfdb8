UPDATE asset_garbage SET since_ms = ?1
WHERE (tenant, asset_id) IN (
    SELECT tenant, asset_id FROM asset_garbage WHERE since_ms IS NULL LIMIT ?2
)
