-- The day on which the application's secret ends, as an administrator noted it: Microsoft does not tell. It is noted when the
-- application is registered, which is before anything is connected. No page had noted it in the connector's row.
CREATE TABLE application_secret (
    tenant_id TEXT NOT NULL PRIMARY KEY,
    ends_on   TEXT NOT NULL,
    noted_at  TEXT NOT NULL,
    noted_by  TEXT NOT NULL
);
ALTER TABLE o365_config DROP COLUMN secret_expires_on;
-- When another text of the agreement came into force than the one that was accepted: it asks again, also where the old text comes
-- back later.
ALTER TABLE o365_config ADD COLUMN dpa_outdated_at TEXT;
