-- Servers that speak other interfaces than our own, accounts at providers among them (TK8, TK10).
-- Made anew, because one owner may have several accounts at one address.
CREATE TABLE new_servers (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    -- Which of the accounts at this address; a server of one's own has none.
    account TEXT NOT NULL DEFAULT '',
    interface TEXT NOT NULL DEFAULT 'tasks'
        CHECK (interface IN ('tasks', 'predict', 'kling', 'gemini', 'openai')),
    kinds TEXT NOT NULL,
    -- A list of {"name", "slots"?}: the first is asked for when a task names none.
    models TEXT NOT NULL DEFAULT '[]',
    token TEXT,
    -- The second half of a pair of keys, and what its webhooks are signed with.
    secret TEXT,
    webhook_secret TEXT,
    -- Those with the smallest number are asked first.
    tier INTEGER NOT NULL DEFAULT 0 CHECK (tier BETWEEN 0 AND 9),
    slots INTEGER NOT NULL CHECK (slots BETWEEN 1 AND 1024),
    used INTEGER NOT NULL DEFAULT 0 CHECK (used >= 0),
    -- Submissions in any minute, and until when those of the past count.
    rate_per_min INTEGER CHECK (rate_per_min BETWEEN 1 AND 100000),
    rate_until_ms INTEGER NOT NULL DEFAULT 0,
    -- Gets nothing new until then: out of credit, too fast, or failing.
    cooldown_until_ms INTEGER NOT NULL DEFAULT 0,
    cooldown_reason TEXT,
    -- Failed calls in a row, and how often that has led to a cooldown.
    errors INTEGER NOT NULL DEFAULT 0,
    ejections INTEGER NOT NULL DEFAULT 0,
    -- What follows when nobody knows whether a paid call was received.
    on_lost_answer TEXT NOT NULL DEFAULT 'fail' CHECK (on_lost_answer IN ('fail', 'repeat')),
    -- Tasks that go out together in one call; 1: each for itself.
    batch INTEGER NOT NULL DEFAULT 1 CHECK (batch BETWEEN 1 AND 64),
    state TEXT NOT NULL CHECK (state IN ('ONLINE', 'OFFLINE', 'DRAINING')),
    rises INTEGER NOT NULL DEFAULT 0,
    falls INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    last_seen_at_ms INTEGER,
    changed_at_ms INTEGER NOT NULL,
    next_check_at_ms INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    UNIQUE (tenant, owner, url, account)
) STRICT
--;;
INSERT INTO new_servers (id, tenant, owner, name, url, kinds, token, slots, used, state, rises, falls,
                         last_error, last_seen_at_ms, changed_at_ms, next_check_at_ms, created_at_ms)
SELECT id, tenant, owner, name, url, kinds, token, slots, used, state, rises, falls,
       last_error, last_seen_at_ms, changed_at_ms, next_check_at_ms, created_at_ms
FROM servers
--;;
DROP TABLE servers
--;;
ALTER TABLE new_servers RENAME TO servers
--;;
-- Accounts at providers are not checked.
CREATE INDEX servers_due ON servers (next_check_at_ms) WHERE interface IN ('tasks', 'predict')
--;;
-- How many of those who have answered once are gone (RG3).
CREATE INDEX servers_seen ON servers (state, falls, last_seen_at_ms) WHERE last_seen_at_ms IS NOT NULL
--;;
-- Failed attempts; an attempt that a provider put off is none of them.
ALTER TABLE tasks ADD COLUMN failures INTEGER NOT NULL DEFAULT 0
--;;
-- When the current attempt's submission went out; before that a call was certainly not made.
ALTER TABLE tasks ADD COLUMN sent_at_ms INTEGER
--;;
-- What was asked for at the server, and how many of its slots that takes.
ALTER TABLE tasks ADD COLUMN model TEXT
--;;
ALTER TABLE tasks ADD COLUMN weight INTEGER NOT NULL DEFAULT 1 CHECK (weight > 0)
--;;
-- The current attempt costs money where it is made.
ALTER TABLE tasks ADD COLUMN paid INTEGER NOT NULL DEFAULT 0 CHECK (paid IN (0, 1))
--;;
-- What the provider says that it took: {"costs":[…],"tokens":{…}}.
ALTER TABLE tasks ADD COLUMN usage TEXT
--;;
UPDATE tasks SET failures = max(attempt - 1, 0)
--;;
UPDATE tasks SET sent_at_ms = started_at_ms WHERE state = 'PROCESSING'
--;;
CREATE INDEX tasks_by_server ON tasks (server_id, model) WHERE state = 'PROCESSING'
--;;
-- Webhooks that were taken; the same again is none (TK9).
CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID
--;;
CREATE INDEX webhooks_by_end ON webhooks (expires_at_ms)
