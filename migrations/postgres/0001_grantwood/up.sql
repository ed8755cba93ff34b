-- Times are milliseconds since the Unix epoch, ids are text, hashes are 32 bytes of SHA-256.
-- The same tables and columns stand in migrations/sqlite.

CREATE TABLE counters (
    name TEXT PRIMARY KEY NOT NULL,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('clients', 0), ('users', 0), ('keys', 0);

CREATE TABLE clients (
    document_id TEXT PRIMARY KEY NOT NULL,
    client_id TEXT NOT NULL UNIQUE,
    origin TEXT NOT NULL,
    document TEXT,
    created_type TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    name TEXT NOT NULL,
    client_type TEXT NOT NULL,
    owner TEXT,
    secret_hash BYTEA,
    old_secret_hash BYTEA,
    old_secret_until BIGINT,
    jwks TEXT,
    meta TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX clients_created ON clients (created_at);

CREATE TABLE authorization_codes (
    hash BYTEA PRIMARY KEY NOT NULL,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    redirect_explicit BOOLEAN NOT NULL,
    code_challenge TEXT,
    challenge_method TEXT,
    facts TEXT NOT NULL,
    auth_time BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX authorization_codes_expiry ON authorization_codes (expires_at);
CREATE INDEX authorization_codes_user ON authorization_codes (user_id, client_id);
CREATE INDEX authorization_codes_client ON authorization_codes (client_id);

CREATE TABLE access_tokens (
    jti TEXT PRIMARY KEY NOT NULL,
    document_id TEXT NOT NULL UNIQUE,
    token_hash BYTEA NOT NULL,
    kid TEXT NOT NULL,
    client_id TEXT NOT NULL,
    user_id TEXT,
    scopes TEXT NOT NULL,
    grant_type TEXT NOT NULL,
    audience TEXT NOT NULL,
    facts TEXT NOT NULL,
    revision TEXT NOT NULL,
    policies TEXT NOT NULL,
    code_hash BYTEA,
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX access_tokens_client ON access_tokens (client_id, created_at);
CREATE INDEX access_tokens_user ON access_tokens (user_id, created_at) WHERE user_id IS NOT NULL;
CREATE INDEX access_tokens_expiry ON access_tokens (expires_at);
CREATE INDEX access_tokens_created ON access_tokens (created_at);
CREATE INDEX access_tokens_code ON access_tokens (code_hash) WHERE code_hash IS NOT NULL;

CREATE TABLE assertions (
    issuer TEXT NOT NULL,
    replay_key TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, replay_key)
);
CREATE INDEX assertions_expiry ON assertions (expires_at);

CREATE TABLE consents (
    document_id TEXT PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    last_used_at BIGINT,
    UNIQUE (user_id, client_id)
);
CREATE INDEX consents_client ON consents (client_id);

CREATE TABLE users (
    id TEXT PRIMARY KEY NOT NULL,
    username TEXT NOT NULL UNIQUE,
    username_key TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    roles TEXT NOT NULL,
    blocked BOOLEAN NOT NULL,
    confirmed BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    tokens_valid_from BIGINT NOT NULL
);
CREATE INDEX users_created ON users (created_at);

CREATE TABLE sessions (
    hash BYTEA PRIMARY KEY NOT NULL,
    id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    auth_time BIGINT NOT NULL,
    ip TEXT NOT NULL,
    agent TEXT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE authorizations (
    hash BYTEA PRIMARY KEY NOT NULL,
    browser_hash BYTEA NOT NULL,
    client_id TEXT NOT NULL,
    request TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    done_at BIGINT
);
CREATE INDEX authorizations_expiry ON authorizations (expires_at);
CREATE INDEX authorizations_client ON authorizations (client_id);

CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY NOT NULL,
    alg TEXT NOT NULL,
    private_pem TEXT NOT NULL,
    public_jwk TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    active_from BIGINT NOT NULL,
    retired_at BIGINT
);

CREATE TABLE audit (
    id TEXT PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    decision TEXT NOT NULL,
    policies TEXT NOT NULL,
    revision TEXT NOT NULL,
    request_id TEXT NOT NULL,
    ip TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_actor ON audit (actor, at);
CREATE INDEX audit_target ON audit (target, at);
