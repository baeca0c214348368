//! `worker`: does the syncs that Temporal hands out.

use std::sync::Arc;

use m365_sync::{Engine, Unwatched};
use m365_worker::{Temporal, work};

use super::{Beside, failed};
use crate::exit::{Exit, explain};
use crate::metrics::{self, Tells};
use crate::signals::Requests;

pub async fn run(engine: Engine, beside: Beside, mut requests: Requests) -> Exit {
    let Some(options) = beside.temporal else {
        explain(
            &"TEMPORAL_ADDRESS is not set: a worker does what Temporal hands out; without it `serve` syncs by itself",
        );
        return Exit::Usage;
    };
    let _metrics = match metrics::start(beside.metrics_at, &engine.store, Tells::Itself).await {
        Ok(metrics) => metrics,
        Err(exit) => return exit,
    };
    let queue = options.task_queue.clone();
    let temporal = match Temporal::connect(options, &engine.store).await {
        Ok(temporal) => temporal,
        Err(error) => return failed(&error),
    };
    eprintln!("Working on the task queue {queue}.");
    let asked_to_stop = async {
        requests.first().await;
        eprintln!("stopping: the pages in hand are being stored; once more to leave at once");
    };
    match work(temporal, engine, Arc::new(Unwatched), asked_to_stop).await {
        Ok(()) => Exit::Done,
        Err(error) => failed(&error),
    }
}
