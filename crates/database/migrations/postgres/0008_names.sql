-- Names of records that went away are forgotten in time, whatever the reason was.
DROP INDEX feed_tombstone_erased;
CREATE INDEX feed_tombstone_named ON feed_tombstone (tenant_id, made_at) WHERE sealed_external_id IS NOT NULL;
