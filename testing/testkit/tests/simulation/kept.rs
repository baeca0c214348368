//! Lists that failed once, in the product or under a fault that was planted (`docs/planted-faults.md`), as short as they get.

use testkit::simulation::Op::{
    ChangeDay, Close, Delete, DeleteCopy, Expire, Hours, Life, Mail, MailToTwo, Meet, PrivateCopy, Purge, Reschedule,
    Series, Sync, Vanish,
};
use testkit::simulation::{Day, Op, Rhythm, play};

async fn assert_kept(seed: u64, ops: &[Op]) {
    assert_eq!(play(seed, ops).await, Ok(()));
}

/// What is left of a day on which nothing went wrong, so that this list of lists is never empty.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_is_deleted_was_sent() {
    assert_kept(17, &[Mail { from: 3, to: 0 }, Sync, Delete { of: 0, message: 1 }, Sync]).await;
}

/// Nothing says so: the series is sent again, and the day just misses
/// (<https://github.com/microsoftgraph/microsoft-graph-docs/pull/4501>).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_that_is_taken_out_of_a_series_is_taken_back() {
    let series = Series { who: 42, with: 76, hours: 27, rhythm: Rhythm::Workdays };
    assert_kept(116, &[series, Sync, ChangeDay { series: 79, day: 6, how: Day::Deleted }, Sync]).await;
}

/// Two domains in one letter, one after the other closed: by the first closing its people stay, by the second they go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_leaves_whom_another_domain_let_in() {
    let letter = MailToTwo { from: 22, first: 61, second: 9 };
    assert_kept(65, &[letter, Sync, Close(42), Sync, Purge(52), Sync]).await;
}

/// A meeting that is named by a copy which goes away after its people's domain was closed keeps its name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_domain_learns_no_new_names() {
    let meeting = Meet { who: 9, with: 95, and: 60, hours: 59 };
    assert_kept(156, &[Sync, meeting, Close(52), DeleteCopy { meeting: 36, of: 34 }, Sync]).await;
}

/// A calendar's window does not slide: after seventy days, what lies ahead is asked for anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_moves_on() {
    assert_kept(18, &[Sync, Hours(1680), Sync]).await;
}

/// What was deleted while a link was lost is told by nobody: only a whole round shows that it is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_vanished_while_the_link_was_lost_is_taken_back() {
    let mut ops = vec![Sync];
    ops.extend((0..100).map(|meeting| Vanish { meeting }));
    ops.extend([Expire { of: 0 }, Expire { of: 1 }, Expire { of: 2 }, Expire { of: 3 }, Sync]);
    assert_kept(7, &ops).await;
}

/// The strictest copy counts, whichever it is and whoever's calendar it stands in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_private_copy_forbids_a_meeting_in_all() {
    for of in 0..3 {
        let mut ops = vec![Sync];
        ops.extend((0..100).map(|meeting| PrivateCopy { meeting, of }));
        ops.push(Sync);
        assert_kept(9, &ops).await;
    }
}

/// A day had a guest, a calendar threw its copy away, and then the organizer put the series off, without the guest: he was there
/// all the same, and the record keeps the name that it had, though the copy that is gone still lists him.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_gone_renames_nothing() {
    let (thrown, put_off) = (DeleteCopy { meeting: 89, of: 46 }, Reschedule { meeting: 33, hours: 21 });
    assert_kept(1658, &[Sync, thrown, Life(5), put_off, Sync]).await;
}

/// A meeting was cancelled while its organizer's calendar lost its link, and had begun when that was read anew: only a copy elsewhere
/// says that it was called off in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_round_shows_that_the_organizer_does_not_have_a_meeting() {
    let ops = [Sync, Life(5), Expire { of: 95 }, Hours(1296), Sync];
    assert_kept(1939, &ops).await;
}

/// A day was called off in a calendar that then lost the series, and the organizer put the series off: the day takes place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_that_the_organizer_has_takes_place() {
    assert_kept(1336, &[Sync, Life(8), Hours(54), Sync]).await;
}
