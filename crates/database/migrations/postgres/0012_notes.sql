-- The day on which the application's secret ends, as an administrator noted it: Microsoft does not tell. It is noted when the
-- application is registered, which is before anything is connected. No page had noted it in the connector's row.
CREATE TABLE application_secret (
    tenant_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    ends_on   TEXT COLLATE "C" NOT NULL,
    noted_at  TEXT COLLATE "C" NOT NULL,
    noted_by  TEXT COLLATE "C" NOT NULL
);
ALTER TABLE o365_config DROP COLUMN secret_expires_on;
-- When another text of the agreement came into force than the one that was accepted: it asks again, also where the old text comes
-- back later.
ALTER TABLE o365_config ADD COLUMN dpa_outdated_at TEXT COLLATE "C";

ALTER TABLE application_secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE application_secret FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON application_secret
    USING (tenant_id = current_setting('m365.tenant', true))
    WITH CHECK (tenant_id = current_setting('m365.tenant', true));
