//! A domain is erased, or taken off the list.

use m365_store::allow_list::{Disallowed, Leftovers};
use serde_json::json;

use crate::ground::{Ground, Meeting, domain, on_both, operator};

async fn disallow(ground: &Ground, name: &str, leftovers: Leftovers) -> Option<Disallowed> {
    ground.store.disallow(&ground.tenant, &operator(), &name.parse().unwrap(), leftovers).await.unwrap()
}

#[test]
fn an_erased_domain_goes_with_its_subdomains_and_its_entries_and_no_other_does() {
    on_both(async |ground| {
        ground.allow(&["notacme.com", "eu.acme.com"], false).await;
        ground.mail("m1", "Renewal", &["jane@acme.com"]).await;
        ground.mail("m2", "Renewal", &["ann@EU.acme.com", "bob@globex.com"]).await;
        ground.mail("m3", "Ask eve@us.ACME.com", &["bob@globex.com"]).await;
        ground.mail("m4", "Renewal", &["bob@notacme.com"]).await;
        ground.meeting(Meeting { attendees: &["jane@acme.com", "bob@globex.com"], ..Meeting::default() }).await;

        let receipt = ground.erase(&domain("Acme.com.")).await;

        assert_eq!(receipt.entries_closed, 2);
        assert!(!ground.everything().await.to_lowercase().replace("notacme.com", "").contains("acme.com\n"));
        let names = ground.names().await;
        assert_eq!(names, ["o365_cal_e1_bob@globex.com", "o365_email_m2", "o365_email_m3", "o365_email_m4"]);
        let records = ground.records().await;
        assert_eq!(records[1]["properties"]["participantEmails"], json!(["bob@globex.com"]));
        assert_eq!(records[2]["properties"]["subject"], json!(null));
        // Listed again, it stays out all the same.
        ground.allow(&["acme.com"], true).await;
        for person in ["jane@acme.com", "new@a.b.acme.com"] {
            assert!(!ground.mail("m5", "Renewal", &[person]).await, "{person}");
        }
        assert!(ground.mail("m6", "Renewal", &["new@notacme.com"]).await);
    });
}

#[test]
fn a_domain_that_is_not_on_the_list_cannot_be_taken_off() {
    on_both(async |ground| {
        assert_eq!(disallow(&ground, "initech.com", Leftovers::Purge).await, None);
        assert_eq!(disallow(&ground, "initech.com", Leftovers::Keep).await, None);
    });
}

#[test]
fn what_an_entry_let_in_stays_or_goes_as_the_administrator_says() {
    on_both(async |ground| {
        for (id, people) in
            [("m1", &["jane@acme.com"][..]), ("m2", &["jane@acme.com", "bob@globex.com"]), ("m3", &["bob@globex.com"])]
        {
            ground.mail(id, "Ask jane@acme.com", people).await;
        }
        let led = Meeting { organizer: "jane@eu.acme.com", attendees: &["bob@globex.com"], ..Meeting::default() };
        ground.meeting(led).await;
        assert_eq!(disallow(&ground, "globex.com", Leftovers::Keep).await, Some(Disallowed::Kept(3)));
        assert_eq!(ground.records().await.len(), 5);

        let Some(Disallowed::Purged(counts)) = disallow(&ground, "acme.com", Leftovers::Purge).await else {
            panic!("it was on the list");
        };
        assert_eq!((counts.of("activity").deleted, counts.of("activity").changed), (2, 2));
        assert_eq!((counts.of("event_participant").deleted, counts.of("event_copy").changed), (1, 1));
        assert_eq!(ground.names().await, ["o365_cal_e1_bob@globex.com", "o365_email_m2", "o365_email_m3"]);
        let records = ground.records().await;
        assert_eq!(records[0]["properties"]["organizerEmail"], json!(null));
        assert_eq!(records[1]["properties"]["participantEmails"], json!(["bob@globex.com"]));
        // It is no erasure: subjects stay, and so does the way back.
        assert_eq!(records[2]["properties"]["subject"], json!("Ask jane@acme.com"));
        ground.allow(&["acme.com"], false).await;
        assert!(ground.mail("m1", "Renewal", &["jane@acme.com"]).await);
    });
}
