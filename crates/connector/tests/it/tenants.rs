//! Whose Microsoft tenant is whose, and disconnecting.

use crate::office::{ENTRA, Office};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disconnect_that_keeps_reads_nothing_and_can_be_taken_back() {
    let office = Office::ready(|_| {});
    office.done(&["sync"]);
    let stored = office.records();
    office.run(&["disconnect"]).assert_refusal(2, "--purge");
    office.done(&["disconnect", "--keep"]);
    let asked = office.sim.request_log().len();
    let ended = office.run(&["sync", "--json"]);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert_eq!(ended.summary()["problems"][0]["code"], "disconnected");
    assert_eq!(office.run(&["preview"]).code, Some(3));
    assert_eq!(office.run(&["health"]).code, Some(1));
    assert_eq!(office.sim.request_log().len(), asked, "something was asked");
    assert_eq!(office.records(), stored);
    assert_eq!(office.done(&["tenants", "list"]), format!("default\t{ENTRA}\tdisconnected\n"));
    office.done(&["connect", "--entra-tenant-id", ENTRA, "--tenant-domain", "contoso.com"]);
    office.done(&["sync"]);
    office.assert_true();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_purge_nothing_is_left_and_only_an_operator_gives_the_tenant_over() {
    let office = Office::ready(|_| {});
    office.done(&["sync"]);
    office.done(&["disconnect", "--purge"]);
    assert!(office.records().is_empty());
    office.run(&["sync"]).assert_refusal(1, "nothing is connected");
    let connect = ["--tenant", "org_2", "connect", "--entra-tenant-id", ENTRA, "--tenant-domain", "contoso.com"];
    office.run(&connect).assert_refusal(1, "belongs to another tenant");
    let give = ["tenants", "move", "--entra-tenant-id", ENTRA, "--to", "org_2"];
    office.run(&give).assert_refusal(1, "tenants add");
    office.done(&["tenants", "add", "org_2"]);
    office.done(&give);
    office.done(&connect);
    assert_eq!(office.done(&["tenants", "list"]), format!("default\t-\t-\norg_2\t{ENTRA}\tconnected\n"));
    office.run(&["tenants", "move", "--entra-tenant-id", ENTRA, "--to", "default"]).assert_refusal(1, "disconnect it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_confirms_for_a_tenant_that_is_known() {
    let office = Office::new(|_| {});
    office.done(&["migrate"]);
    let confirm = ["--tenant", "org_1", "tenants", "confirm", "--entra-tenant-id", ENTRA];
    office.run(&confirm).assert_refusal(1, "tenants add");
    office.done(&["tenants", "add", "org_1"]);
    office.done(&confirm);
    assert_eq!(office.done(&["tenants", "list"]), format!("org_1\t{ENTRA}\tconfirmed (operator)\n"));
}
