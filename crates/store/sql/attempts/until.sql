SELECT until_ms FROM attempts WHERE name = ?1
