//! What is so of runs on Temporal beside what is so of every run.

#![expect(clippy::default_trait_access, reason = "options of which none is set")]

use std::sync::Arc;
use std::time::Duration;

use m365_model::RunStatus;
use m365_store::Store;
use m365_sync::runner::{Elsewhere as _, Plan, Started};
use m365_sync::{Ended, Engine, Unwatched};
use m365_worker::{Remote, Temporal, TemporalOptions};
use prost::Message;
use serde_json::{Value, json};
use temporalio_client::schedules::ScheduleOverlapPolicy;
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, UntypedWorkflow, WorkflowFetchHistoryOptions,
};
use testkit::{Kit, On, truth};

use crate::histories::replays;
use crate::kit::{Worker, options};
use crate::moments::FirstPage;

const DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

async fn remote(options: &TemporalOptions, store: &Store) -> Remote {
    let temporal = Temporal::connect(options.clone(), store).await.unwrap();
    Remote::new(temporal, store.clone())
}

/// Temporal as anybody sees it who does not have the installation's key.
async fn stranger(options: &TemporalOptions) -> Client {
    let connection = Connection::connect(ConnectionOptions::new(options.address.clone()).build()).await.unwrap();
    Client::new(connection, ClientOptions::new(options.namespace.clone()).build()).unwrap()
}

/// What a kit's workflow and schedule are called.
fn name_of(options: &TemporalOptions, kit: &Kit) -> String {
    format!("{}-{}", options.task_queue, kit.connector)
}

/// A second process over the same database.
async fn beside(kit: &Kit) -> Engine {
    Engine { store: kit.reopen().await, ..kit.engine.clone() }
}

/// Fails when every mailbox may have four requests in flight, however many are read side by side.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_workers_together_keep_to_the_bounds_of_one_connector() {
    for on in On::each() {
        let kit = on.ready(&DOMAINS, |options| options.mailboxes = 30).await;
        let options = options();
        let mut workers = Vec::new();
        for _ in 0..3 {
            workers.push(Worker::start(options.clone(), beside(&kit).await, Arc::new(Unwatched)));
        }
        let remote = remote(&options, &kit.store).await;
        assert_eq!(remote.start(&kit.tenant).await.unwrap(), Started::New);
        remote.finished(&kit.tenant).await.unwrap();
        assert_eq!(kit.falsehood(&DOMAINS).await, None);
        let counters = kit.sim.counters();
        assert!(counters.most_at_once <= kit.engine.limits.overall, "{} at once", counters.most_at_once);
        assert!(counters.most_at_once > 1, "the mailboxes were read one after the other");
        assert!(counters.max_in_flight.values().all(|n| *n <= kit.engine.limits.per_mailbox));
    }
}

/// More mailboxes than one history tells of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_run_goes_on_in_another_history() {
    let kit = Kit::ready(&DOMAINS, |options| {
        options.mailboxes = 210;
        options.messages_per_mailbox = 2;
        options.meetings_per_mailbox = 1;
    })
    .await;
    let options = options();
    let _worker = Worker::start(options.clone(), beside(&kit).await, Arc::new(Unwatched));
    let remote = remote(&options, &kit.store).await;
    remote.start(&kit.tenant).await.unwrap();
    remote.finished(&kit.tenant).await.unwrap();
    assert_eq!(kit.falsehood(&DOMAINS).await, None);
    let run = kit.store.last_run(&kit.tenant).await.unwrap().unwrap();
    assert_eq!(run.ended, Some(Ended::Done));
    let summary: Value = serde_json::from_str(&run.summary.unwrap()).unwrap();
    assert_eq!((&summary["mailboxes"]["synced"], &summary["mailboxes"]["failed"]), (&json!(210), &json!(0)));
    let handle = stranger(&options).await.get_workflow_handle::<UntypedWorkflow>(name_of(&options, &kit));
    let last = handle.fetch_history(WorkflowFetchHistoryOptions::default()).into_events().await.unwrap();
    assert!(last.len() < 200, "the last history tells of more than the last mailboxes: {} events", last.len());
    replays("continued", &stranger(&options).await, &name_of(&options, &kit), &kit.store).await;
}

/// A worker that is asked to leave ends the page in hand; another goes on, and it is one run. Fails when a worker that leaves
/// ends the run as one that a person stopped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_leaves_hands_its_mailboxes_on() {
    let kit = Kit::ready_behind_turnstile(&DOMAINS, |_| {}).await;
    let options = options();
    let first_page = Arc::new(FirstPage::of(kit.turnstile()));
    let leaving = Worker::start(options.clone(), beside(&kit).await, first_page.clone());
    let remote = remote(&options, &kit.store).await;
    remote.start(&kit.tenant).await.unwrap();
    first_page.reached().await;
    // It waits for answers that do not come, and leaves nevertheless.
    tokio::task::spawn_blocking(|| drop(leaving)).await.unwrap();
    assert!(!kit.records(true).await.is_empty(), "the page in hand was not stored");
    assert_eq!(kit.store.last_run(&kit.tenant).await.unwrap().unwrap().status, RunStatus::Running);
    kit.turnstile().open();
    let _other = Worker::start(options.clone(), beside(&kit).await, Arc::new(Unwatched));
    remote.finished(&kit.tenant).await.unwrap();
    assert_eq!(kit.falsehood(&DOMAINS).await, None);
    let runs = kit.store.recent_runs(&kit.tenant, 10).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.ended).collect::<Vec<_>>(), [Some(Ended::Done)]);
    // What the first worker had counted is in the sum.
    let summary: Value = serde_json::from_str(runs[0].summary.as_deref().unwrap()).unwrap();
    assert_eq!(summary["activities"]["created"], json!(kit.records(true).await.len()));
    replays("handed_on", &stranger(&options).await, &name_of(&options, &kit), &kit.store).await;
}

/// Somebody stops a run: what was read is stored, and the words are those of a run in the process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_stopped_in_its_middle() {
    let kit = Kit::ready_behind_turnstile(&DOMAINS, |_| {}).await;
    let options = options();
    let first_page = Arc::new(FirstPage::of(kit.turnstile()));
    let _worker = Worker::start(options.clone(), beside(&kit).await, first_page.clone());
    let remote = remote(&options, &kit.store).await;
    assert!(!remote.cancel(&kit.tenant).await.unwrap(), "nothing is at work");
    remote.start(&kit.tenant).await.unwrap();
    assert_eq!(remote.start(&kit.tenant).await.unwrap(), Started::Joined);
    first_page.reached().await;
    assert!(remote.is_at_work(&kit.tenant).await.unwrap());
    assert!(remote.cancel(&kit.tenant).await.unwrap());
    remote.finished(&kit.tenant).await.unwrap();
    assert!(!remote.is_at_work(&kit.tenant).await.unwrap());
    let run = kit.store.last_run(&kit.tenant).await.unwrap().unwrap();
    assert_eq!((run.status, run.ended), (RunStatus::Failed, Some(Ended::Failed)));
    let summary: Value = serde_json::from_str(&run.summary.unwrap()).unwrap();
    assert_eq!(summary["problems"][0]["code"], "stopped");
    assert_eq!(summary["activities"]["created"], json!(kit.records(true).await.len()));
    replays("stopped", &stranger(&options).await, &name_of(&options, &kit), &kit.store).await;
    kit.turnstile().open();
    remote.start(&kit.tenant).await.unwrap();
    remote.finished(&kit.tenant).await.unwrap();
    assert_eq!(kit.falsehood(&DOMAINS).await, None);
}

/// The command line without Temporal and a worker do not change one connector at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_waits_for_a_command_that_has_the_connector() {
    for on in On::each() {
        let kit = on.ready(&DOMAINS, |_| {}).await;
        let options = options();
        let turn = kit.reopen().await.database().try_lock(&kit.tenant).await.unwrap().unwrap();
        let _worker = Worker::start(options.clone(), beside(&kit).await, Arc::new(Unwatched));
        let remote = remote(&options, &kit.store).await;
        remote.start(&kit.tenant).await.unwrap();
        let handle = stranger(&options).await.get_workflow_handle::<UntypedWorkflow>(name_of(&options, &kit));
        // Its first step was tried and refused.
        loop {
            let description = handle.describe(Default::default()).await.unwrap().into_raw();
            if description.pending_activities.iter().any(|activity| activity.attempt > 1) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(kit.sim.requests_begun(), 0);
        drop(turn);
        remote.finished(&kit.tenant).await.unwrap();
        assert_eq!(kit.falsehood(&DOMAINS).await, None);
    }
}

/// A schedule follows the plan; it and a person start one and the same run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_keeps_the_plan_and_starts_no_second_run() {
    let kit = Kit::ready_behind_turnstile(&DOMAINS, |_| {}).await;
    let options = options();
    let remote = remote(&options, &kit.store).await;
    let off = Plan { every_minutes: 60, is_on: false };
    remote.keep(&kit.tenant, off).await.unwrap();
    assert_eq!(remote.next(&kit.tenant).await.unwrap(), None, "nothing was ever on");
    remote.keep(&kit.tenant, Plan { every_minutes: 60, is_on: true }).await.unwrap();
    assert!(remote.next(&kit.tenant).await.unwrap().is_some());
    let name = name_of(&options, &kit);
    let client = stranger(&options).await;
    let schedule = client.get_schedule_handle(&name);
    let kept = schedule.describe(Default::default()).await.unwrap();
    let raw = kept.raw().schedule.clone().unwrap();
    assert_eq!(raw.spec.as_ref().unwrap().jitter.unwrap().seconds, 360, "a tenth of the interval");
    assert!(!kept.paused());

    let first_page = Arc::new(FirstPage::of(kit.turnstile()));
    let _worker = Worker::start(options.clone(), beside(&kit).await, first_page.clone());
    remote.start(&kit.tenant).await.unwrap();
    first_page.reached().await;
    schedule.trigger(ScheduleOverlapPolicy::Unspecified, Default::default()).await.unwrap();
    kit.turnstile().open();
    remote.finished(&kit.tenant).await.unwrap();
    assert_eq!(
        kit.store.recent_runs(&kit.tenant, 10).await.unwrap().len(),
        1,
        "the schedule began a run beside another"
    );
    // It begins runs when none is at work, under the same name.
    schedule.trigger(ScheduleOverlapPolicy::Unspecified, Default::default()).await.unwrap();
    while kit.store.recent_runs(&kit.tenant, 10).await.unwrap().len() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    remote.finished(&kit.tenant).await.unwrap();
    assert_eq!(kit.store.last_run(&kit.tenant).await.unwrap().unwrap().ended, Some(Ended::Done));
    let scheduled = loop {
        let actions = schedule.describe(Default::default()).await.unwrap();
        if let ([], Some(action)) = (&*actions.running_actions(), actions.recent_actions().pop()) {
            break action;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    replays("scheduled", &client, &scheduled.workflow_id, &kit.store).await;

    remote.keep(&kit.tenant, off).await.unwrap();
    assert_eq!(remote.next(&kit.tenant).await.unwrap(), None);
    assert!(schedule.describe(Default::default()).await.unwrap().paused());
}

/// Everything that Temporal keeps of a run, searched for what is nobody's business: people, domains, subjects, links, whose run it
/// is. Fails when payloads are not sealed, when a step returns an error's own text, and when a worker calls itself by the machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_hold_ids_and_ciphertext_alone() {
    let kit = Kit::ready(&DOMAINS, |options| options.mailboxes = 3).await;
    let options = options();
    let remote = remote(&options, &kit.store).await;
    remote.keep(&kit.tenant, Plan { every_minutes: 60, is_on: true }).await.unwrap();
    // One attempt of a step fails.
    let turn = kit.reopen().await.database().try_lock(&kit.tenant).await.unwrap().unwrap();
    let _worker = Worker::start(options.clone(), beside(&kit).await, Arc::new(Unwatched));
    remote.start(&kit.tenant).await.unwrap();
    let name = name_of(&options, &kit);
    let client = stranger(&options).await;
    let handle = client.get_workflow_handle::<UntypedWorkflow>(&name);
    let pending: Vec<u8> = loop {
        let description = handle.describe(Default::default()).await.unwrap().into_raw();
        if description.pending_activities.iter().any(|activity| activity.last_failure.is_some()) {
            break description.pending_activities.iter().flat_map(Message::encode_to_vec).collect();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    drop(turn);
    remote.finished(&kit.tenant).await.unwrap();
    let events = handle.fetch_history(WorkflowFetchHistoryOptions::default()).into_events().await.unwrap();
    assert!(events.len() > 20);
    let schedule = client.get_schedule_handle(&name).describe(Default::default()).await.unwrap().into_raw();
    // As they cross the wire: what is not sealed is legible there.
    let kept = [events.iter().flat_map(Message::encode_to_vec).collect(), schedule.encode_to_vec(), pending];
    let texts = kept.map(|bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned());
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut canaries = vec![
        "acme".to_owned(),
        "globex".to_owned(),
        "contoso".to_owned(),
        "http".to_owned(),
        "progress".to_owned(),
        // What the SDK calls a worker that says nothing of itself. A short name alone turns up in ciphertext by chance.
        format!("{}@{}", std::process::id(), machine.trim()),
    ];
    {
        let world = kit.sim.world();
        canaries.extend(world.mailboxes().map(|(user, _)| world.user(user).id.clone()));
    }
    canaries.retain(|canary| !canary.is_empty());
    for text in &texts {
        let lower = text.to_lowercase();
        for canary in &canaries {
            assert!(!lower.contains(&canary.to_lowercase()), "{canary:?} stands in what Temporal keeps");
        }
        assert!(text.contains("binary/encrypted"), "nothing is sealed");
    }
    assert!(!truth::records(&kit.sim.world(), &kit.rules(&DOMAINS)).is_empty());
}
