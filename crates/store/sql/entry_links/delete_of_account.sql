DELETE FROM entry_links WHERE account_id = ?1
