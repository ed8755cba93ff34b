DROP INDEX audit_jti;
DROP INDEX audit_request;
ALTER TABLE audit DROP COLUMN jti;
ALTER TABLE audit DROP COLUMN kind;
