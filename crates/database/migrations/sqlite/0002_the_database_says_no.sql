-- What the types promise, once more where it is written: nobody gets into a record without a standing acceptance and an open
-- entry of the same tenant that covers the address, however the statement came here. A participant of a message who moves up
-- to the first place was let in already.

CREATE TRIGGER activity_insert_is_let_in BEFORE INSERT ON activity BEGIN
    SELECT RAISE(ABORT, 'no agreement stands')
    WHERE NOT EXISTS (SELECT 1 FROM o365_config c WHERE c.tenant_id = NEW.tenant_id AND c.dpa_acceptance_id IS NOT NULL);
    SELECT RAISE(ABORT, 'no open entry of this tenant covers the address')
    WHERE NOT EXISTS (
        SELECT 1 FROM allowed_external_domain e
        WHERE e.id = NEW.entry_id AND e.tenant_id = NEW.tenant_id AND e.closed_at IS NULL
          AND (e.domain = substr(NEW.person_external_id, instr(NEW.person_external_id, '@') + 1)
               OR (e.include_subdomains = 1 AND substr(NEW.person_external_id, -(length(e.domain) + 1)) = '.' || e.domain)));
    SELECT RAISE(ABORT, 'the account is not the entry that let the person in')
    WHERE NEW.account_domain IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM allowed_external_domain e WHERE e.id = NEW.entry_id AND e.domain = NEW.account_domain);
END;

CREATE TRIGGER activity_update_is_let_in BEFORE UPDATE OF person_external_id, entry_id, tenant_id ON activity
WHEN NEW.person_external_id <> OLD.person_external_id OR NEW.entry_id <> OLD.entry_id OR NEW.tenant_id <> OLD.tenant_id
BEGIN
    SELECT RAISE(ABORT, 'a record stays with its tenant') WHERE NEW.tenant_id <> OLD.tenant_id;
    SELECT RAISE(ABORT, 'no open entry of this tenant covers the address, or no agreement stands')
    WHERE NOT EXISTS (
        SELECT 1 FROM activity_participant p
        WHERE p.activity_id = NEW.id AND p.address = NEW.person_external_id AND p.entry_id = NEW.entry_id)
      AND NOT EXISTS (
        SELECT 1 FROM allowed_external_domain e JOIN o365_config c ON c.tenant_id = e.tenant_id
        WHERE e.id = NEW.entry_id AND e.tenant_id = NEW.tenant_id AND e.closed_at IS NULL
          AND c.dpa_acceptance_id IS NOT NULL
          AND (e.domain = substr(NEW.person_external_id, instr(NEW.person_external_id, '@') + 1)
               OR (e.include_subdomains = 1 AND substr(NEW.person_external_id, -(length(e.domain) + 1)) = '.' || e.domain)));
END;

CREATE TRIGGER activity_participant_insert_is_let_in BEFORE INSERT ON activity_participant BEGIN
    SELECT RAISE(ABORT, 'a participant belongs to the tenant of its record')
    WHERE NOT EXISTS (SELECT 1 FROM activity a WHERE a.id = NEW.activity_id AND a.tenant_id = NEW.tenant_id);
    SELECT RAISE(ABORT, 'no open entry of this tenant covers the address, or no agreement stands')
    WHERE NOT EXISTS (
        SELECT 1 FROM allowed_external_domain e JOIN o365_config c ON c.tenant_id = e.tenant_id
        WHERE e.id = NEW.entry_id AND e.tenant_id = NEW.tenant_id AND e.closed_at IS NULL
          AND c.dpa_acceptance_id IS NOT NULL
          AND (e.domain = substr(NEW.address, instr(NEW.address, '@') + 1)
               OR (e.include_subdomains = 1 AND substr(NEW.address, -(length(e.domain) + 1)) = '.' || e.domain)));
END;

CREATE TRIGGER event_participant_insert_is_let_in BEFORE INSERT ON event_participant BEGIN
    SELECT RAISE(ABORT, 'a participant belongs to the tenant of its meeting')
    WHERE NOT EXISTS (SELECT 1 FROM event_copy c WHERE c.id = NEW.copy_id AND c.tenant_id = NEW.tenant_id);
    SELECT RAISE(ABORT, 'no open entry of this tenant covers the address, or no agreement stands')
    WHERE NOT EXISTS (
        SELECT 1 FROM allowed_external_domain e JOIN o365_config c ON c.tenant_id = e.tenant_id
        WHERE e.id = NEW.entry_id AND e.tenant_id = NEW.tenant_id AND e.closed_at IS NULL
          AND c.dpa_acceptance_id IS NOT NULL
          AND (e.domain = substr(NEW.address, instr(NEW.address, '@') + 1)
               OR (e.include_subdomains = 1 AND substr(NEW.address, -(length(e.domain) + 1)) = '.' || e.domain)));
END;
