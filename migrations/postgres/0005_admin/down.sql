DROP TABLE shown_once;
DROP INDEX audit_action;
DROP INDEX audit_administration;
DROP INDEX access_tokens_revoked_created;
