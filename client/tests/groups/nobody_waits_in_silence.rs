//! Whoever waits in a group hears what for within `outage_max`, again and again, and goes on when
//! it can: no progress and no event for longer than that is a failure.

use std::time::Duration;

use kurier_client::consumer::{Consumer, ConsumerBuilder, ConsumerConfig, OffsetReset};
use kurier_client::error::{ErrorKind, Waiting};
use kurier_client::group::{GroupEvent, GroupEvents};
use kurier_client::{Client, Error};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, PlantedFault};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::world::{KINDS, Kind, S, World, member};

/// How long nobody waits without a word: `outage_max` as it is set here.
const SAID_WITHIN: Duration = Duration::from_secs(40);
/// Between two heartbeats, in either protocol, at most.
const BETWEEN_BEATS: Duration = Duration::from_secs(5);
/// Less than a moment of the clock.
const MOMENT: Duration = Duration::from_millis(10);

/// The coordinator says how often it wants to hear of a member: that may be seldom.
#[tokio::test(start_paused = true)]
async fn who_is_heard_as_often_as_is_wanted_waits_for_nothing() {
    for kind in KINDS {
        let world = World::new(1, 1).await;
        let config = ConsumerConfig { outage_max: S, ..ConsumerConfig::default() };
        let consumer = member(&world.client, kind).config(config);
        let mut consumer = consumer.offset_reset(OffsetReset::Earliest).start().unwrap();
        let mut events = consumer.events().unwrap();
        while !matches!(consumer.next().await, Some(Ok(_))) {}
        let heard = hear(&mut consumer, &mut events, 60 * S).await;
        assert!(heard.errors.is_empty() && heard.waits.is_empty(), "{kind:?}: {heard:?}");
    }
}

/// What is done to requests of an API, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Answered(ErrorCode),
    Silent,
    Cut,
}

impl Cause {
    fn plant(self, world: &World, api: ApiKey) -> PlantedFault {
        let requests = Fault::on(api).always();
        world.cluster.fault(match self {
            Self::Answered(code) => requests.answer(code),
            Self::Silent => requests.execute_then_hang(),
            Self::Cut => requests.close(),
        })
    }
}

/// What a program hears while it waits.
#[derive(Debug, Default)]
struct Heard {
    /// How long it heard nothing at most.
    gap: Duration,
    records: usize,
    /// By `next`.
    errors: Vec<Error>,
    /// By events.
    waits: Vec<Error>,
    is_unheard: bool,
    is_over: bool,
}

async fn hear(consumer: &mut Consumer, events: &mut GroupEvents, time: Duration) -> Heard {
    let (mut last, end) = (Instant::now(), Instant::now() + time);
    let mut heard = Heard::default();
    loop {
        tokio::select! {
            biased;
            Some(event) = events.next() => match event {
                GroupEvent::Waiting { error } => heard.waits.push(error),
                GroupEvent::Unheard { .. } => heard.is_unheard = true,
                _ => {}
            },
            said = consumer.next() => match said {
                Some(Ok(batch)) => heard.records += batch.records().count(),
                Some(Err(error)) => heard.errors.push(error),
                None => heard.is_over = true,
            },
            () = sleep_until(end) => {
                heard.gap = heard.gap.max(last.elapsed());
                return heard;
            }
        }
        heard.gap = heard.gap.max(last.elapsed());
        last = Instant::now();
        if heard.is_over {
            return heard;
        }
    }
}

fn patient(client: &Client, kind: Kind) -> ConsumerBuilder {
    let reset = OffsetReset::Earliest;
    let config =
        ConsumerConfig { outage_max: SAID_WITHIN, offset_reset: reset, ..Default::default() };
    member(client, kind).config(config)
}

fn start(client: &Client, kind: Kind) -> (Consumer, GroupEvents) {
    let mut consumer = patient(client, kind).auto_commit(None).start().unwrap();
    let events = consumer.events().unwrap();
    (consumer, events)
}

/// How a member of this kind comes into its group.
fn join_of(kind: Kind) -> ApiKey {
    match kind {
        Kind::Coordinator => ApiKey::CONSUMER_GROUP_HEARTBEAT,
        _ => ApiKey::JOIN_GROUP,
    }
}

fn heartbeat_of(kind: Kind) -> ApiKey {
    match kind {
        Kind::Coordinator => ApiKey::CONSUMER_GROUP_HEARTBEAT,
        _ => ApiKey::HEARTBEAT,
    }
}

const LOADING: Cause = Cause::Answered(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
const ELSEWHERE: Cause = Cause::Answered(ErrorCode::NOT_COORDINATOR);
const NOWHERE: Cause = Cause::Answered(ErrorCode::COORDINATOR_NOT_AVAILABLE);
const UNSTABLE: Cause = Cause::Answered(ErrorCode::UNSTABLE_OFFSET_COMMIT);
const DIVIDING: Cause = Cause::Answered(ErrorCode::REBALANCE_IN_PROGRESS);

/// Why a member never begins.
fn causes(kind: Kind) -> Vec<(ApiKey, Cause)> {
    let (find, join, offsets) = (ApiKey::FIND_COORDINATOR, join_of(kind), ApiKey::OFFSET_FETCH);
    let mut causes = vec![
        (find, NOWHERE),
        (find, Cause::Silent),
        (find, Cause::Cut),
        (join, LOADING),
        (join, ELSEWHERE),
        (join, NOWHERE),
        (join, Cause::Silent),
        (join, Cause::Cut),
        (offsets, UNSTABLE),
        (offsets, LOADING),
        (offsets, ELSEWHERE),
        (offsets, Cause::Silent),
        (offsets, Cause::Cut),
    ];
    if kind != Kind::Coordinator {
        let sync = ApiKey::SYNC_GROUP;
        causes.extend([LOADING, DIVIDING, Cause::Silent, Cause::Cut].map(|cause| (sync, cause)));
    }
    causes
}

#[tokio::test(start_paused = true)]
async fn who_cannot_begin_hears_why_and_begins_when_it_can() {
    for kind in KINDS {
        for (api, cause) in causes(kind) {
            let what = format!("{kind:?}, {api}: {cause:?}");
            let world = World::new(2, 1).await;
            let planted = cause.plant(&world, api);
            let (mut consumer, mut events) = start(&world.client, kind);
            let heard = hear(&mut consumer, &mut events, 10 * SAID_WITHIN).await;
            assert!(planted.hits() > 0, "{what}");
            assert!(heard.gap <= SAID_WITHIN + MOMENT, "{what}: {heard:?}");
            assert!(heard.waits.len() >= 9, "{what}: {heard:?}");
            assert_eq!((heard.records, heard.is_over), (0, false), "{what}: {heard:?}");
            for error in heard.errors.iter().chain(&heard.waits) {
                assert!(error.is_retriable() && !error.is_fatal(), "{what}: {error}");
            }
            // What stood in the way is said.
            if let Cause::Answered(code) = cause
                && cause != DIVIDING
            {
                let said = |error: &Error| error.code() == Some(code);
                assert!(heard.waits.iter().all(said), "{what}: {heard:?}");
                assert!(heard.errors.iter().any(said), "{what}: {heard:?}");
            }
            world.cluster.clear_faults();
            // A join may wait for the others for five minutes, also one whose answer is lost.
            let after = hear(&mut consumer, &mut events, 400 * S).await;
            assert_eq!(after.records, 2, "{what}: {after:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn next_itself_says_so_unless_only_others_are_waited_for() {
    for kind in KINDS {
        for (api, cause) in causes(kind) {
            let what = format!("{kind:?}, {api}: {cause:?}");
            let world = World::new(2, 1).await;
            let _planted = cause.plant(&world, api);
            // Nobody takes the events.
            let mut consumer = patient(&world.client, kind).start().unwrap();
            let others = [ApiKey::JOIN_GROUP, ApiKey::SYNC_GROUP];
            let is_for_others = others.contains(&api) && matches!(cause, Cause::Silent | DIVIDING);
            let said = timeout(SAID_WITHIN + MOMENT, consumer.next()).await;
            match said {
                Err(_) => assert!(is_for_others, "{what}: it says nothing"),
                Ok(said) => {
                    let error = said.unwrap().unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::TimedOut, "{what}: {error}");
                    assert!(!is_for_others, "{what}: {error}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_heartbeats_nobody_answers_well_hears_of_it() {
    for kind in KINDS {
        for cause in [LOADING, ELSEWHERE, NOWHERE, Cause::Silent, Cause::Cut] {
            let what = format!("{kind:?}: {cause:?}");
            let world = World::new(2, 1).await;
            let (mut consumer, mut events) = start(&world.client, kind);
            let before = hear(&mut consumer, &mut events, 20 * S).await;
            assert_eq!((before.records, before.waits.len()), (2, 0), "{what}: {before:?}");
            let planted = cause.plant(&world, heartbeat_of(kind));
            let heard = hear(&mut consumer, &mut events, 5 * SAID_WITHIN).await;
            assert!(planted.hits() > 0, "{what}");
            assert!(heard.is_unheard, "{what}: a session has passed, {heard:?}");
            // From when the first heartbeat was due that had no good answer.
            assert!(heard.gap <= SAID_WITHIN + BETWEEN_BEATS + MOMENT, "{what}: {heard:?}");
            assert!(heard.waits.len() >= 4 && heard.errors.len() >= 4, "{what}: {heard:?}");
            world.cluster.clear_faults();
            world.write(2, 1..2).await;
            let after = hear(&mut consumer, &mut events, 60 * S).await;
            assert!(after.records >= 2, "{what}: {after:?}");
            // All is well: it may be silent.
            let quiet = hear(&mut consumer, &mut events, 300 * S).await;
            let said = (quiet.errors.len(), quiet.waits.len(), quiet.is_unheard);
            assert_eq!(said, (0, 0, false), "{what}: {quiet:?}");
        }
    }
}

/// Who may not read, or is not to be a member, hears of that at once, and what ends the consumer is
/// fatal.
#[tokio::test(start_paused = true)]
async fn what_is_not_allowed_is_an_error_at_once() {
    for kind in KINDS {
        let group = ErrorCode::GROUP_AUTHORIZATION_FAILED;
        let rows = [
            (ApiKey::FIND_COORDINATOR, group, true),
            (join_of(kind), group, true),
            (ApiKey::OFFSET_FETCH, group, false),
            (ApiKey::OFFSET_FETCH, ErrorCode::TOPIC_AUTHORIZATION_FAILED, false),
        ];
        for (api, code, ends) in rows {
            let what = format!("{kind:?}, {api}: {code:?}");
            let world = World::new(1, 1).await;
            let _planted = Cause::Answered(code).plant(&world, api);
            let (mut consumer, _) = start(&world.client, kind);
            let said = timeout(MOMENT, consumer.next()).await.expect(&what);
            let error = said.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Authorization, "{what}: {error}");
            if ends {
                assert!(timeout(MOMENT, consumer.next()).await.expect(&what).is_none(), "{what}");
            }
        }
        let world = World::new(1, 1).await;
        let (mut consumer, mut events) = start(&world.client, kind);
        hear(&mut consumer, &mut events, 20 * S).await;
        let _planted = Cause::Answered(group).plant(&world, heartbeat_of(kind));
        let heard = hear(&mut consumer, &mut events, SAID_WITHIN).await;
        assert!(heard.is_over && heard.errors.len() == 1, "{kind:?}: {heard:?}");
        assert!(heard.errors[0].is_fatal(), "{kind:?}: {heard:?}");
    }
}

/// One member holds its partitions for as long as it may, which keeps the others waiting.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_slow_member_hears_of_it_and_gets_no_error() {
    for kind in [Kind::Eager, Kind::Cooperative] {
        let world = World::new(2, 9).await;
        let slow = world.other(2).await;
        let mut slow = member(&slow, kind).auto_mark(false).start().unwrap();
        let in_hand = timeout(60 * S, slow.next()).await.unwrap().unwrap().unwrap();
        let (mut consumer, mut events) = start(&world.client, kind);
        let heard = hear(&mut consumer, &mut events, 200 * S).await;
        let of_division = |error: &Error| {
            matches!(error, Error::TimedOut { what: Waiting::Division { .. }, last: None, .. })
        };
        if kind == Kind::Eager {
            assert!(heard.gap <= SAID_WITHIN + MOMENT && heard.waits.len() >= 4, "{heard:?}");
            assert!(heard.waits.iter().all(of_division), "{heard:?}");
        }
        assert_eq!(heard.errors.len(), 0, "{kind:?}: {heard:?}");
        slow.mark(&in_hand);
        drop(slow);
        sleep(10 * S).await;
        let after = hear(&mut consumer, &mut events, 400 * S).await;
        assert!(heard.records + after.records >= 17, "{kind:?}: {after:?}");
    }
}

/// A coordinator may be one that the picture of the cluster does not name yet.
#[tokio::test(start_paused = true)]
async fn a_coordinator_that_metadata_has_not_named_yet_is_found_before_a_session_is_over() {
    for kind in KINDS {
        let world = World::new(2, 1).await;
        world.cluster.kill_broker(3);
        sleep(20 * S).await;
        let client = world.other(2).await;
        let (mut consumer, mut events) = start(&client, kind);
        let before = hear(&mut consumer, &mut events, 20 * S).await;
        assert_eq!(before.records, 2, "{kind:?}: {before:?}");
        world.cluster.restart_broker(3);
        world.cluster.move_coordinator("g", 3);
        let after = hear(&mut consumer, &mut events, 100 * S).await;
        let said = (after.errors.len(), after.waits.len(), after.is_unheard);
        assert_eq!(said, (0, 0, false), "{kind:?}: {after:?}");
    }
}

/// KIP-848: topics that the coordinator names by their ids, and nobody knows by these.
#[tokio::test(start_paused = true)]
async fn who_does_not_learn_the_names_of_its_topics_hears_of_it() {
    let world = World::new(2, 1).await;
    let client = world.other(2).await;
    let planted = Cause::Answered(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let planted = planted.plant(&world, ApiKey::METADATA);
    let (mut consumer, mut events) = start(&client, Kind::Coordinator);
    let heard = hear(&mut consumer, &mut events, 10 * SAID_WITHIN).await;
    assert!(planted.hits() > 0);
    assert!(heard.gap <= SAID_WITHIN + MOMENT && heard.waits.len() >= 9, "{heard:?}");
    let of_names =
        |error: &Error| matches!(error, Error::TimedOut { what: Waiting::Metadata { .. }, .. });
    assert!(heard.waits.iter().all(of_names), "{heard:?}");
    world.cluster.clear_faults();
    let after = hear(&mut consumer, &mut events, 60 * S).await;
    assert_eq!(after.records, 2, "{after:?}");
}

/// Also whoever never comes to the end of what there is to read.
#[tokio::test(start_paused = true)]
async fn who_has_always_more_to_read_hears_what_is_waited_for_beside_it() {
    for kind in KINDS {
        let world = World::new(1, 600).await;
        let mut consumer = patient(&world.client, kind).start().unwrap();
        timeout(60 * S, consumer.next()).await.unwrap().unwrap().unwrap();
        let _planted = Cause::Silent.plant(&world, heartbeat_of(kind));
        let (start, work) = (Instant::now(), S / 5);
        let error = loop {
            match consumer.next().await.unwrap() {
                Ok(_) => sleep(work).await,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{kind:?}: {error}");
        let took = start.elapsed();
        assert!(took <= SAID_WITHIN + BETWEEN_BEATS + work + MOMENT, "{kind:?}: {took:?}");
    }
}

/// Nobody could say so when the program subscribed.
#[tokio::test(start_paused = true)]
async fn a_topic_that_is_not_there_is_told_though_no_broker_was_at_first() {
    for kind in KINDS {
        let world = World::new(1, 1).await;
        (1..=3).for_each(|broker| world.cluster.pause_broker(broker));
        let mut consumer = member(&world.client, kind).subscribe(["none"]).start().unwrap();
        let away = timeout(40 * S, consumer.next()).await;
        assert!(away.is_err(), "{kind:?}: {away:?}");
        (1..=3).for_each(|broker| world.cluster.resume_broker(broker));
        let said = timeout(60 * S, consumer.next()).await.expect("it says something");
        let error = said.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{kind:?}: {error}");
    }
}
