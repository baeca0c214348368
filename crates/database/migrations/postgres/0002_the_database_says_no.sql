-- What the types promise, once more where it is written: nobody gets into a record without a standing acceptance and an open
-- entry of the same tenant that covers the address, however the statement came here. A participant of a message who moves up
-- to the first place was let in already.

CREATE FUNCTION is_let_in(of_tenant TEXT, by_entry BIGINT, of_address TEXT) RETURNS BOOLEAN LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT 1 FROM allowed_external_domain e JOIN o365_config c ON c.tenant_id = e.tenant_id
        WHERE e.id = by_entry AND e.tenant_id = of_tenant AND e.closed_at IS NULL AND c.dpa_acceptance_id IS NOT NULL
          AND (e.domain = split_part(of_address, '@', 2)
               OR (e.include_subdomains = 1 AND right(of_address, length(e.domain) + 1) = '.' || e.domain)))
$$;

CREATE FUNCTION activity_is_let_in() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.tenant_id <> OLD.tenant_id THEN
            RAISE EXCEPTION 'a record stays with its tenant';
        END IF;
        IF NEW.person_external_id = OLD.person_external_id AND NEW.entry_id = OLD.entry_id THEN
            RETURN NEW;
        END IF;
        IF EXISTS (SELECT 1 FROM activity_participant p
                   WHERE p.activity_id = NEW.id AND p.address = NEW.person_external_id AND p.entry_id = NEW.entry_id) THEN
            RETURN NEW;
        END IF;
    END IF;
    IF NOT is_let_in(NEW.tenant_id, NEW.entry_id, NEW.person_external_id) THEN
        RAISE EXCEPTION 'no open entry of this tenant covers the address, or no agreement stands';
    END IF;
    IF TG_OP = 'INSERT' AND NEW.account_domain IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM allowed_external_domain e WHERE e.id = NEW.entry_id AND e.domain = NEW.account_domain) THEN
        RAISE EXCEPTION 'the account is not the entry that let the person in';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER activity_insert_is_let_in BEFORE INSERT ON activity
    FOR EACH ROW EXECUTE FUNCTION activity_is_let_in();
CREATE TRIGGER activity_update_is_let_in BEFORE UPDATE OF person_external_id, entry_id, tenant_id ON activity
    FOR EACH ROW EXECUTE FUNCTION activity_is_let_in();

CREATE FUNCTION participant_is_let_in() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Nested: a field of the other table's row must not even be named.
    IF TG_TABLE_NAME = 'activity_participant' THEN
        IF NOT EXISTS (SELECT 1 FROM activity a WHERE a.id = NEW.activity_id AND a.tenant_id = NEW.tenant_id) THEN
            RAISE EXCEPTION 'a participant belongs to the tenant of its record';
        END IF;
    ELSE
        IF NOT EXISTS (SELECT 1 FROM event_copy c WHERE c.id = NEW.copy_id AND c.tenant_id = NEW.tenant_id) THEN
            RAISE EXCEPTION 'a participant belongs to the tenant of its meeting';
        END IF;
    END IF;
    IF NOT is_let_in(NEW.tenant_id, NEW.entry_id, NEW.address) THEN
        RAISE EXCEPTION 'no open entry of this tenant covers the address, or no agreement stands';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER activity_participant_insert_is_let_in BEFORE INSERT ON activity_participant
    FOR EACH ROW EXECUTE FUNCTION participant_is_let_in();
CREATE TRIGGER event_participant_insert_is_let_in BEFORE INSERT ON event_participant
    FOR EACH ROW EXECUTE FUNCTION participant_is_let_in();
