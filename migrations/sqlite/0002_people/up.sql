-- One-time links by which a user sets a password. Only the hash of what is in the link is kept.
CREATE TABLE setup_links (
    hash BLOB PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX setup_links_user ON setup_links (user_id);
CREATE INDEX setup_links_expiry ON setup_links (expires_at);
