-- A person's newest page, from two indexes in the order of time: a later participant tells the time and the name of the record,
-- so that no record is fetched but those that are shown.

DROP INDEX activity_participant_by_address;
ALTER TABLE activity_participant ADD COLUMN occurred_at TEXT NOT NULL DEFAULT '';
ALTER TABLE activity_participant ADD COLUMN external_id TEXT NOT NULL DEFAULT '';
UPDATE activity_participant SET (occurred_at, external_id) =
    (SELECT a.occurred_at, a.external_id FROM activity a WHERE a.id = activity_participant.activity_id);
CREATE INDEX activity_participant_by_address
    ON activity_participant (tenant_id, address, occurred_at, external_id, activity_id);

CREATE TRIGGER activity_participant_insert_tells_of_its_record BEFORE INSERT ON activity_participant BEGIN
    SELECT RAISE(ABORT, 'a participant tells the time and the name of its record')
    WHERE NOT EXISTS (SELECT 1 FROM activity a WHERE a.id = NEW.activity_id AND a.occurred_at = NEW.occurred_at
                      AND a.external_id = NEW.external_id);
END;
CREATE TRIGGER activity_participant_update_tells_of_its_record
BEFORE UPDATE OF activity_id, occurred_at, external_id ON activity_participant BEGIN
    SELECT RAISE(ABORT, 'a participant tells the time and the name of its record')
    WHERE NOT EXISTS (SELECT 1 FROM activity a WHERE a.id = NEW.activity_id AND a.occurred_at = NEW.occurred_at
                      AND a.external_id = NEW.external_id);
END;

CREATE TRIGGER activity_participants_follow AFTER UPDATE OF occurred_at, external_id ON activity
WHEN NEW.occurred_at <> OLD.occurred_at OR NEW.external_id <> OLD.external_id BEGIN
    UPDATE activity_participant SET occurred_at = NEW.occurred_at, external_id = NEW.external_id
    WHERE activity_id = NEW.id;
END;
