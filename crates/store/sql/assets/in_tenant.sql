-- Any asset of a tenant with this id: they all have the same bytes.
SELECT assets.* FROM assets
JOIN projects ON projects.id = assets.project_id AND projects.tenant = ?1
WHERE assets.id = ?2 LIMIT 1
