SELECT * FROM servers WHERE id = ?1
