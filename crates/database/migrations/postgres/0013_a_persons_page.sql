-- A person's newest page, from two indexes in the order of time: a later participant tells the time and the name of the record,
-- so that no record is fetched but those that are shown.

-- Longer than any question may take: every participant is written anew.
SET LOCAL statement_timeout = 0;
DROP INDEX activity_participant_by_address;
ALTER TABLE activity_participant ADD COLUMN occurred_at TEXT COLLATE "C";
ALTER TABLE activity_participant ADD COLUMN external_id TEXT COLLATE "C";
-- The owner may look at every tenant for as long as this migration lasts.
ALTER TABLE activity NO FORCE ROW LEVEL SECURITY;
ALTER TABLE activity_participant NO FORCE ROW LEVEL SECURITY;
UPDATE activity_participant AS p SET occurred_at = a.occurred_at, external_id = a.external_id
    FROM activity AS a WHERE a.id = p.activity_id;
ALTER TABLE activity FORCE ROW LEVEL SECURITY;
ALTER TABLE activity_participant FORCE ROW LEVEL SECURITY;
ALTER TABLE activity_participant ALTER COLUMN occurred_at SET NOT NULL, ALTER COLUMN external_id SET NOT NULL;
CREATE INDEX activity_participant_by_address
    ON activity_participant (tenant_id, address, occurred_at, external_id, activity_id);

-- The record cannot change between this look and the end of the transaction.
CREATE FUNCTION participant_tells_of_its_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM activity a
    WHERE a.id = NEW.activity_id AND a.occurred_at = NEW.occurred_at AND a.external_id = NEW.external_id FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a participant tells the time and the name of its record';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER activity_participant_tells_of_its_record
    BEFORE INSERT OR UPDATE OF activity_id, occurred_at, external_id ON activity_participant
    FOR EACH ROW EXECUTE FUNCTION participant_tells_of_its_record();

CREATE FUNCTION participants_follow_their_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE activity_participant SET occurred_at = NEW.occurred_at, external_id = NEW.external_id
    WHERE activity_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER activity_participants_follow AFTER UPDATE OF occurred_at, external_id ON activity
    FOR EACH ROW WHEN (NEW.occurred_at <> OLD.occurred_at OR NEW.external_id <> OLD.external_id)
    EXECUTE FUNCTION participants_follow_their_record();
