-- What became of each attempt to load another policy set, and what was different in it.

CREATE TABLE policy_reloads (
    id TEXT PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    instance TEXT NOT NULL,
    revision TEXT NOT NULL,
    previous TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    author TEXT NOT NULL,
    subject TEXT NOT NULL,
    committed_at BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    error TEXT NOT NULL,
    changes TEXT NOT NULL,
    diff TEXT NOT NULL
);
CREATE INDEX policy_reloads_at ON policy_reloads (at);
