DROP INDEX access_tokens_revoked;
DELETE FROM counters WHERE name IN ('tokens', 'probe');
