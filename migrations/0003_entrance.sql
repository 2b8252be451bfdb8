-- Who is who, what they may do, and what the entrance remembers.
CREATE TABLE tenants (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT
--;;
INSERT INTO tenants (id, name, created_at_ms) VALUES ('default', 'Default', 0)
--;;
-- Local accounts; `login` is compared without case. `sub` of their tokens is the account's id, and
-- `tenant` is the one whose admins manage them; they may be members of others.
CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    login TEXT NOT NULL COLLATE NOCASE UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT,
    is_disabled INTEGER NOT NULL DEFAULT 0 CHECK (is_disabled IN (0, 1)),
    created_at_ms INTEGER NOT NULL
) STRICT
--;;
CREATE INDEX accounts_by_tenant ON accounts (tenant, created_at_ms, id)
--;;
-- Roles in a tenant; `sub` is an account's id or the subject of somebody else's token.
CREATE TABLE tenant_members (
    tenant TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    sub TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'editor', 'viewer', 'agent', 'server')),
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, sub)
) STRICT, WITHOUT ROWID
--;;
CREATE INDEX tenant_members_by_sub ON tenant_members (sub)
--;;
CREATE TABLE project_members (
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    sub TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'editor', 'viewer', 'agent')),
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (project_id, sub)
) STRICT, WITHOUT ROWID
--;;
CREATE INDEX project_members_by_sub ON project_members (sub)
--;;
-- An invitation is a secret that makes its bearer a member; only the secret's sha256 is kept.
CREATE TABLE invitations (
    id TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    project_id TEXT REFERENCES projects (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('admin', 'editor', 'viewer', 'agent')),
    created_by TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    accepted_by TEXT,
    accepted_at_ms INTEGER,
    CHECK ((accepted_by IS NULL) = (accepted_at_ms IS NULL))
) STRICT
--;;
CREATE INDEX invitations_by_tenant ON invitations (tenant, created_at_ms)
--;;
-- A log-in on one device. Its refresh tokens follow each other; one that comes back after its
-- successor was used ends the session.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    tenant TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    ended_at_ms INTEGER
) STRICT
--;;
CREATE INDEX sessions_by_account ON sessions (account_id)
--;;
CREATE INDEX sessions_by_end ON sessions (expires_at_ms)
--;;
CREATE TABLE refresh_tokens (
    secret_hash TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at_ms INTEGER NOT NULL,
    replaced_at_ms INTEGER
) STRICT, WITHOUT ROWID
--;;
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id)
--;;
-- Links that log somebody in once; only the secret's sha256 is kept.
CREATE TABLE entry_links (
    secret_hash TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    tenant TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    used_at_ms INTEGER
) STRICT, WITHOUT ROWID
--;;
CREATE INDEX entry_links_by_account ON entry_links (account_id)
--;;
CREATE INDEX entry_links_by_end ON entry_links (expires_at_ms)
--;;
-- Tokens that are refused although their signature is good: one by its id, or all that a
-- principal got before a time. A row is of no use any more when what it refuses has expired.
CREATE TABLE revocations (
    kind TEXT NOT NULL CHECK (kind IN ('token', 'principal')),
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    not_before_s INTEGER NOT NULL,
    expires_at_s INTEGER NOT NULL,
    PRIMARY KEY (kind, tenant, id)
) STRICT, WITHOUT ROWID
--;;
CREATE INDEX revocations_by_end ON revocations (expires_at_s)
--;;
-- Token buckets of the rate limits (GW7): how full, in thousandths of a token, at what time, and
-- how many tokens the last taker got.
CREATE TABLE buckets (
    name TEXT PRIMARY KEY,
    quota INTEGER NOT NULL,
    level INTEGER NOT NULL,
    granted INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    full_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID
--;;
CREATE INDEX buckets_by_end ON buckets (full_at_ms)
--;;
-- How often something went wrong since a time that ends at `until_ms`: guesses at passwords.
CREATE TABLE attempts (
    name TEXT PRIMARY KEY,
    tries INTEGER NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID
--;;
CREATE INDEX attempts_by_end ON attempts (until_ms)
--;;
-- Answers to requests that came with an Idempotency-Key (GW8). Without a status the first request
-- is still being answered, until `locked_until_ms`.
CREATE TABLE idempotency_keys (
    tenant TEXT NOT NULL,
    sub TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    locked_until_ms INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 1,
    status INTEGER,
    headers TEXT,
    body BLOB,
    expires_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, sub, key)
) STRICT, WITHOUT ROWID
--;;
CREATE INDEX idempotency_keys_by_end ON idempotency_keys (expires_at_ms)
--;;
-- Who did what to which object (GW11): rows are only ever added.
CREATE TABLE audit_entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    sub TEXT NOT NULL,
    role TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    project_id TEXT,
    status INTEGER NOT NULL,
    request_id TEXT,
    at_ms INTEGER NOT NULL
) STRICT
--;;
CREATE INDEX audit_entries_by_tenant ON audit_entries (tenant, seq)
--;;
CREATE TRIGGER audit_entries_stay BEFORE UPDATE ON audit_entries
BEGIN
    SELECT RAISE(ABORT, 'audit entries are not changed');
END
--;;
CREATE TRIGGER audit_entries_are_not_removed BEFORE DELETE ON audit_entries
BEGIN
    SELECT RAISE(ABORT, 'audit entries are not removed');
END
--;;
-- Counters of all instances, by the series of the metrics (GW12).
CREATE TABLE counters (
    series TEXT PRIMARY KEY,
    value REAL NOT NULL
) STRICT, WITHOUT ROWID
--;;
-- The trace of the request that made a task (W3C Trace Context): it goes on to the provider.
ALTER TABLE tasks ADD COLUMN trace_id TEXT
