DELETE FROM attempts WHERE name = ?1
