-- What people look for: everything of one person, newest first, whether he stands first in a message or later.
CREATE INDEX activity_by_person ON activity (tenant_id, person_external_id, occurred_at, external_id);
CREATE INDEX activity_participant_by_address ON activity_participant (tenant_id, address, activity_id);
