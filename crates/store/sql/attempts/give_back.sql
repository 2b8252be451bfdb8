UPDATE attempts SET tries = tries - 1 WHERE name = ?1 AND tries > 0
