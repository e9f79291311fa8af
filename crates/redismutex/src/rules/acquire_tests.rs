use super::*;
use crate::rules::protocol::FaultKind;
use proptest::prelude::*;

const START: Moment = Moment(1_000_000_000_000);

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn asker() -> Asker {
    let names = Arc::new(Names::of(b"key").unwrap());
    Asker { names, token: "token".into(), label: "".into(), id: 7 }
}

fn with_block_time(block_time: Duration) -> Acquisition {
    let settings = Settings { block_time, ..Settings::default() };
    Acquisition::new(asker(), &settings, START, None)
}

fn busy() -> Result<AcquireReply, Fault> {
    Ok(AcquireReply::Busy(Busy { server_us: 1_000_000, place: None }))
}

/// To one who asks again.
fn busy_at(left: u64, rank: u32, foreign: bool) -> Result<AcquireReply, Fault> {
    let place = reply::Place { left: Some(ms(left)), rank, foreign };
    Ok(AcquireReply::Busy(Busy { server_us: 1_000_000, place: Some(place) }))
}

fn granted() -> Result<AcquireReply, Fault> {
    Ok(AcquireReply::Granted(Some(Fence(1))))
}

fn push(granted_us: u64) -> Push {
    let (token, lock) = ("token".to_owned(), b"key".to_vec());
    Push { id: 7, granted_us, fence: Fence(9), expiry: ms(7000), token, lock }
}

fn asks(step: Step) -> Option<Arc<[u8]>> {
    match step {
        Step::Ask(Request { ask: Ask::Acquire { entry, .. }, .. }, _) => entry,
        other => panic!("expected a request, got {other:?}"),
    }
}

/// One that has queued behind others, with push.
fn queued() -> Acquisition {
    let mut acquisition = with_block_time(ms(60_000));
    asks(acquisition.step(START));
    acquisition.answered(START, START, busy());
    assert!(matches!(acquisition.step(START), Step::Subscribe(_)));
    acquisition.subscribed(START, Subscription::Stands("redismutex:1".into()));
    asks(acquisition.step(START));
    acquisition.answered(START, START, busy());
    acquisition
}

fn wait(acquisition: &mut Acquisition, now: Moment) -> Duration {
    match acquisition.step(now) {
        Step::Wait(until) => now.until(until),
        other => panic!("expected a wait, got {other:?}"),
    }
}

#[test]
fn a_free_lock_takes_one_request() {
    let mut acquisition = with_block_time(ms(5000));
    assert_eq!(asks(acquisition.step(START)), None, "the first is a plain try");
    acquisition.answered(START, START + ms(1), granted());
    assert!(matches!(acquisition.step(START + ms(1)), Step::Granted(_)));
    assert_eq!(acquisition.tries(), 1);
}

#[test]
fn nobody_queues_before_its_subscription_stands() {
    let mut acquisition = with_block_time(ms(5000));
    assert_eq!(asks(acquisition.step(START)), None);
    acquisition.answered(START, START, busy());
    assert!(matches!(acquisition.step(START), Step::Subscribe(_)));
    acquisition.subscribed(START, Subscription::Stands("redismutex:1".into()));
    assert!(asks(acquisition.step(START)).is_some());
}

#[test]
fn block_time_zero_tries_once() {
    let mut acquisition = with_block_time(Duration::ZERO);
    asks(acquisition.step(START));
    acquisition.answered(START, START, busy());
    assert!(matches!(acquisition.step(START), Step::Failed(Failure::Busy)));
}

#[test]
fn the_last_try_is_made_when_block_time_ends_and_not_before() {
    let mut acquisition = with_block_time(ms(800));
    asks(acquisition.step(START));
    acquisition.answered(START, START, busy());
    acquisition.subscribed(START, Subscription::Impossible);
    let mut now = START;
    while now < START + ms(800) {
        asks(acquisition.step(now));
        acquisition.answered(now, now, busy_at(60_000, 0, false));
        now = now + wait(&mut acquisition, now);
    }
    assert_eq!(now, START + ms(800));
    asks(acquisition.step(now));
    acquisition.answered(now, now, busy_at(60_000, 0, false));
    assert!(matches!(acquisition.step(now), Step::Failed(Failure::Busy)));
}

#[test]
fn an_answer_that_took_as_long_as_the_lease_is_no_grant() {
    let mut acquisition = with_block_time(ms(20_000));
    asks(acquisition.step(START));
    let late = START + ms(7000);
    acquisition.answered(START, late, granted());
    asks(acquisition.step(late));
    acquisition.answered(late, late, granted());
    assert!(matches!(acquisition.step(late), Step::Granted(_)));
}

#[test]
fn slow_answers_to_the_end_are_unavailability() {
    let mut acquisition = with_block_time(ms(5000));
    asks(acquisition.step(START));
    acquisition.answered(START, START + ms(7000), granted());
    assert!(matches!(acquisition.step(START + ms(7000)), Step::Failed(Failure::Unavailable(_))));
}

#[test]
fn a_push_is_a_grant_without_another_request() {
    let mut acquisition = queued();
    let read = START + ms(500);
    acquisition.pushed(read, read, &push(1_000_000 + 500_000));
    match acquisition.step(read) {
        Step::Granted(Granted { deadline, fence: Some(Fence(9)) }) => {
            assert!(deadline > read && deadline < read + ms(7000));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_push_read_after_its_lease_is_only_a_hint() {
    let mut acquisition = queued();
    let read = START + ms(8000);
    acquisition.pushed(read, read, &push(1_000_000 + 500_000));
    assert!(asks(acquisition.step(read)).is_some());
}

#[test]
fn a_push_older_than_a_busy_reply_is_only_a_hint() {
    // Both were stuck on the way; the lease of the grant ended, and another has the lock.
    let mut acquisition = queued();
    let asked = START + ms(900);
    acquisition.answered(asked, asked + ms(600), busy_at(7000, 0, false));
    let granted_us = 1_000_000 - 1;
    acquisition.pushed(asked + ms(500), asked + ms(600), &push(granted_us));
    assert!(asks(acquisition.step(asked + ms(600))).is_some());
}

#[test]
fn a_hint_is_no_grant_whatever_time_it_names() {
    for granted_us in [0, 1_000_000, 2_000_000] {
        let mut acquisition = queued();
        let hint = Push { fence: Fence(0), ..push(granted_us) };
        acquisition.pushed(START, START, &hint);
        assert!(matches!(acquisition.step(START), Step::Wait(_)));
    }
}

#[test]
fn a_push_for_another_token_or_lock_is_none_of_ours() {
    for wrong in [
        Push { token: "other".into(), ..push(1_000_000) },
        Push { lock: b"other".to_vec(), ..push(1_000_000) },
    ] {
        let mut acquisition = queued();
        acquisition.pushed(START, START, &wrong);
        assert!(matches!(acquisition.step(START), Step::Wait(_)));
    }
}

/// One that has looked at its place once more and now sleeps by it.
fn settled(rank: u32) -> (Acquisition, Moment) {
    let mut acquisition = queued();
    let looks = START + wait(&mut acquisition, START);
    asks(acquisition.step(looks));
    acquisition.answered(looks, looks, busy_at(7000, rank, false));
    (acquisition, looks)
}

#[test]
fn one_who_has_just_queued_looks_once_more_soon() {
    assert!(wait(&mut queued(), START) <= LOOK);
}

#[test]
fn the_first_in_the_queue_watches_over_the_holder_and_the_rest_sleep_longer() {
    let sleep = |rank| {
        let (mut acquisition, now) = settled(rank);
        wait(&mut acquisition, now)
    };
    let sleeps: Vec<_> = (0..200).map(sleep).collect();
    assert_eq!(sleeps[0], ms(7002), "just past the holder's expiry");
    assert!(sleeps[..99].is_sorted());
    assert!(sleeps[99] <= LONGEST_SLEEP && sleeps[99] > ms(40_000));
}

#[test]
fn one_who_is_told_that_it_is_among_the_first_watches_over_the_holder() {
    let hint = |left| Push { fence: Fence(0), expiry: ms(left), ..push(0) };
    for (left, look) in [(500, ms(502)), (0, SOON)] {
        let (mut acquisition, now) = settled(30);
        assert!(wait(&mut acquisition, now) > ms(10_000));
        acquisition.pushed(now, now, &hint(left));
        assert_eq!(wait(&mut acquisition, now), look);
        acquisition.pushed(now, now, &hint(9000));
        assert_eq!(wait(&mut acquisition, now), look, "never later than it would have looked");
    }
}

/// A hand-off to one who waited for less than 250 ms is told to nobody.
#[test]
fn one_who_looked_too_early_looks_once_more() {
    let hint = Push { fence: Fence(0), expiry: Duration::ZERO, ..push(0) };
    let mut acquisition = queued();
    acquisition.pushed(START + ms(20), START + ms(20), &hint);
    let early = START + ms(20) + SOON;
    asks(acquisition.step(early));
    acquisition.answered(early, early, busy_at(60_000, 1, false));
    let next = early + wait(&mut acquisition, early);
    assert!(next > START + ms(250) && next <= START + LOOK, "{:?}", START.until(next));
    asks(acquisition.step(next));
    acquisition.answered(next, next, busy_at(60_000, 1, false));
    assert!(wait(&mut acquisition, next) > ms(10_000), "now it has seen enough");
}

#[test]
fn a_push_read_before_a_busy_answer_is_only_a_hint_whatever_the_clock_was_set_back_to() {
    let (sent, message, now) = (START + ms(500), START + ms(502), START + ms(503));
    for (read, is_grant) in [(sent + ms(1), true), (message, false), (now, false)] {
        let mut acquisition = queued();
        acquisition.read(read);
        acquisition.answered(sent, now, busy_at(7000, 0, false));
        acquisition.pushed(message, now, &push(1_000_000 + 1_400_000));
        let step = acquisition.step(now);
        assert_eq!(matches!(step, Step::Granted(_)), is_grant, "{step:?}");
    }
}

#[test]
fn a_hint_for_all_is_for_those_who_wait_for_that_lock() {
    let for_all = |lock: &[u8]| {
        let (token, lock) = (String::new(), lock.to_vec());
        Push { id: 0, fence: Fence(0), expiry: Duration::ZERO, token, lock, ..push(0) }
    };
    let (mut acquisition, now) = settled(30);
    acquisition.pushed(now, now, &for_all(b"other"));
    assert!(wait(&mut acquisition, now) > ms(10_000));
    acquisition.pushed(now, now, &for_all(b"key"));
    assert_eq!(wait(&mut acquisition, now), SOON);
}

#[test]
fn a_holder_that_wakes_nobody_is_polled_by_the_first_in_the_queue() {
    for (rank, longest) in [(0, 500), (1, 1500), (2, 2500)] {
        let (mut acquisition, _) = settled(rank);
        let now = START + ms(10_000);
        asks(acquisition.step(now));
        acquisition.answered(now, now, busy_at(7000, rank, true));
        let wait = wait(&mut acquisition, now);
        assert!(wait <= ms(longest) && wait > ms(longest / 2), "rank {rank}: {wait:?}");
    }
}

#[test]
fn a_fault_is_not_a_refusal() {
    let mut acquisition = with_block_time(ms(5000));
    let fault = || Err(Fault::new(FaultKind::Unknown, "reset"));
    asks(acquisition.step(START));
    acquisition.answered(START, START, fault());
    asks(acquisition.step(START));
    acquisition.answered(START, START, fault());
    let pause = wait(&mut acquisition, START);
    assert!(pause >= ms(50), "no hot loop: {pause:?}");
    let end = START + ms(5000);
    asks(acquisition.step(end));
    acquisition.answered(end, end, fault());
    assert!(matches!(acquisition.step(end), Step::Failed(Failure::Unavailable(_))));
}

#[test]
fn no_permission_and_wrong_types_fail_at_once() {
    for kind in [FaultKind::Denied, FaultKind::WrongType, FaultKind::Nonsense] {
        let mut acquisition = with_block_time(ms(5000));
        asks(acquisition.step(START));
        acquisition.answered(START, START, Err(Fault::new(kind, "no")));
        assert!(matches!(acquisition.step(START), Step::Failed(Failure::Hopeless(_))));
    }
}

#[test]
fn a_new_connection_asks_at_once() {
    let (mut acquisition, now) = (queued(), START + ms(10));
    let place = acquisition.queue_entry();
    acquisition.reconnected(now);
    assert!(matches!(acquisition.step(now), Step::Subscribe(_)), "messages may be denied by now");
    acquisition.subscribed(now, Subscription::Stands("redismutex:1".into()));
    assert_eq!(asks(acquisition.step(now)), place, "it keeps its place");
}

#[test]
fn a_subscription_is_waited_for_no_longer_than_an_answer() {
    let mut acquisition = with_block_time(ms(200));
    asks(acquisition.step(START));
    acquisition.answered(START, START, busy());
    let Step::Subscribe(until) = acquisition.step(START) else { panic!() };
    assert_eq!(until, START + GRACE);
    acquisition.answered(START, until, Err(Fault::new(FaultKind::Unknown, "silence")));
    assert!(matches!(acquisition.step(until), Step::Failed(Failure::Unavailable(_))));
}

#[test]
fn a_push_over_a_new_connection_is_only_a_hint_until_the_server_has_told_its_time() {
    // Another server by the same name, whose clock is ahead: what it granted long ago looks like new.
    let (mut acquisition, now) = (queued(), START + ms(6000));
    acquisition.reconnected(now);
    acquisition.subscribed(now, Subscription::Stands("redismutex:1".into()));
    acquisition.pushed(now, now, &push(1_000_000 + 60_000_000));
    assert!(asks(acquisition.step(now)).is_some());
}

proptest! {
    /// Whatever comes in, it ends within block time and a grace, and never claims a lease that is past.
    #[test]
    fn every_acquisition_ends(
        block_time in 0u64..3000,
        events in proptest::collection::vec((0u8..6, 0u64..9000, 0u64..400), 0..60),
    ) {
        let mut acquisition = with_block_time(ms(block_time));
        let mut now = START;
        let mut events = events.into_iter().cycle();
        for _ in 0..1000 {
            let (kind, left, took) = events.next().unwrap_or((0, 100, 10));
            match acquisition.step(now) {
                Step::Ask(_, until) => {
                    let sent = now;
                    now = (now + ms(took)).min(until);
                    acquisition.answered(sent, now, match kind {
                        0 | 1 => busy_at(left, u32::from(kind), kind == 1),
                        2 => Ok(AcquireReply::Granted(None)),
                        3 => Err(Fault::new(FaultKind::NotSent, "refused")),
                        4 => Err(Fault::new(FaultKind::Unknown, "reset")),
                        _ => Err(Fault::new(FaultKind::Refusing, "OOM")),
                    });
                }
                Step::Subscribe(_) if took > 300 => {
                    acquisition.answered(now, now, Err(Fault::new(FaultKind::Unknown, "silent")));
                }
                Step::Subscribe(_) => acquisition.subscribed(now, match kind {
                    0..3 => Subscription::Stands("c".into()),
                    3 => Subscription::Impossible,
                    _ => Subscription::NoQueue,
                }),
                Step::Wait(until) => {
                    prop_assert!(until > now && until <= START + ms(block_time));
                    now = until;
                    if kind == 5 { acquisition.pushed(now, now, &push(left)); }
                }
                Step::Granted(granted) => {
                    prop_assert!(granted.deadline > now);
                    return Ok(());
                }
                Step::Failed(_) => {
                    prop_assert!(now <= START + ms(block_time) + GRACE * 2);
                    return Ok(());
                }
            }
        }
        prop_assert!(false, "still going on after 1000 steps");
    }
}
