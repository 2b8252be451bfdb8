-- From the first part on: without it nobody takes the rest for whole.
DELETE FROM asset_chunks
WHERE asset_id = ?1
    AND part IN (SELECT part FROM asset_chunks WHERE asset_id = ?1 ORDER BY part LIMIT ?2)
RETURNING part
