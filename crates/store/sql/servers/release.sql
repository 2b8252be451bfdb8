UPDATE servers SET used = max(used - ?2, 0) WHERE id = ?1
