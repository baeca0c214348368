-- The day on which the application's secret ends, as an administrator noted it: Microsoft does not tell. It is noted when the
-- application is registered, which is before anything is connected. No page had noted it in the connector's row.
CREATE TABLE application_secret (
    tenant_id TEXT NOT NULL PRIMARY KEY,
    ends_on   TEXT NOT NULL,
    noted_at  TEXT NOT NULL,
    noted_by  TEXT NOT NULL
);
ALTER TABLE o365_config DROP COLUMN secret_expires_on;
