-- What the admin pages look for. The same tables and columns stand in migrations/sqlite.

-- Revoked tokens are few among many; the others pay nothing for this index.
CREATE INDEX access_tokens_revoked_created ON access_tokens (created_at) WHERE revoked_at IS NOT NULL;
-- Administration is what people look for among a row for each grant.
CREATE INDEX audit_administration ON audit (at) WHERE kind = 'admin';
CREATE INDEX audit_action ON audit (action, at) WHERE kind = 'admin';

-- Credentials on their way to the one page that shows them, sealed with a key that only the browser has.
CREATE TABLE shown_once (
    hash BYTEA PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX shown_once_expiry ON shown_once (expires_at);
