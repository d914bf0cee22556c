//! What goes wrong for groups alone: coordinators, sessions, assignments and commits.

use bytes::Bytes;
use kurier_protocol::api::consumer_group_heartbeat::{
    Assignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    TopicPartitionsResponse,
};
use kurier_protocol::api::join_group::{JoinGroupRequest, JoinGroupResponse};
use kurier_protocol::api::sync_group::{SyncGroupRequest, SyncGroupResponse};
use kurier_protocol::{ApiKey, ErrorCode, Uuid};
use kurier_testkit::Fault;
use kurier_testkit::net::{Blocked, Way};
use tokio::time::sleep;

use crate::code::Column;
use crate::group::Kind;
use crate::ran::Ran;
use crate::reader::TOPIC;
use crate::settings::{MS, SECOND, Settings};
use crate::world::{GROUP, World};

pub(super) async fn coordinators(world: &World) {
    let codes = [
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::COORDINATOR_NOT_AVAILABLE,
    ];
    for _ in 0..14 {
        sleep(world.dice.millis(20..=1200)).await;
        if world.dice.one_in(2) {
            world.cluster.move_coordinator(GROUP, world.any_broker());
            world.strike();
        } else {
            let on = world.requests_of(world.group_api());
            world.plant(on.answer(world.dice.pick(&codes)));
        }
    }
}

/// Commits that are refused, with what the kind of group has for it.
pub(super) async fn refused_commits(world: &World) {
    let codes: &[ErrorCode] = match world.settings.group.kind {
        Kind::Coordinator => &[
            ErrorCode::STALE_MEMBER_EPOCH,
            ErrorCode::UNKNOWN_MEMBER_ID,
            ErrorCode::REQUEST_TIMED_OUT,
        ],
        Kind::Eager | Kind::Cooperative => &[
            ErrorCode::ILLEGAL_GENERATION,
            ErrorCode::UNKNOWN_MEMBER_ID,
            ErrorCode::REBALANCE_IN_PROGRESS,
        ],
    };
    for _ in 0..10 {
        world.moment().await;
        let on = world.requests_of(ApiKey::OFFSET_COMMIT);
        world.plant(on.answer(world.dice.pick(codes)));
    }
}

/// Whoever begins with a partition must wait.
pub(super) async fn unstable(world: &World) {
    for _ in 0..8 {
        world.moment().await;
        let on = Fault::on(ApiKey::OFFSET_FETCH).times(world.dice.number(1..=3));
        world.plant(on.answer(ErrorCode::UNSTABLE_OFFSET_COMMIT));
    }
}

/// Heartbeats are not heard, or their answers are not, for longer than a session.
pub(super) async fn sessions(world: &World) {
    for _ in 0..2 {
        world.moment().await;
        let api = match world.settings.group.kind {
            Kind::Coordinator => ApiKey::CONSUMER_GROUP_HEARTBEAT,
            Kind::Eager | Kind::Cooperative => ApiKey::HEARTBEAT,
        };
        if world.dice.one_in(2) {
            world.plant(Fault::on(api).always().close());
        } else {
            let broker = world.cluster.coordinator(GROUP).unwrap();
            let way = world.dice.pick(&[Way::ToBroker, Way::ToClient, Way::Both]);
            world.cluster.network().broker(broker).block(way, Blocked::Held);
            world.strike();
        }
        sleep(world.settings.group.session() + world.dice.millis(0..=2000)).await;
        world.cluster.clear_faults();
        world.cluster.network().heal();
    }
}

/// The members do it.
pub(super) async fn nothing_else(_: &World) {}

/// What a leader or a coordinator may say in its madness.
pub(super) async fn garbage(world: &World) {
    for _ in 0..8 {
        world.moment().await;
        let dice = &world.dice;
        let fault = match world.settings.group.kind {
            Kind::Coordinator => {
                let topic_id = match dice.one_in(2) {
                    true => Uuid([u8::try_from(dice.number(1..=9)).unwrap(); 16]),
                    false => world.cluster.topic_id(TOPIC).unwrap(),
                };
                let partitions = dice.pick(&[&[0, 0, 1][..], &[77], &[-1], &[i32::MAX, 0], &[]]);
                let partitions = partitions.to_vec();
                let topics = vec![TopicPartitionsResponse { topic_id, partitions }];
                Fault::on(ApiKey::CONSUMER_GROUP_HEARTBEAT).reply::<ConsumerGroupHeartbeatRequest>(
                    ConsumerGroupHeartbeatResponse {
                        member_epoch: dice.pick(&[1, 2, 5, 0, -1, i32::MAX]),
                        heartbeat_interval_ms: dice.pick(&[0, 1000, -5]),
                        assignment: Some(Assignment { topic_partitions: topics }),
                        ..Default::default()
                    },
                )
            }
            _ if dice.one_in(5) => {
                Fault::on(ApiKey::JOIN_GROUP).reply::<JoinGroupRequest>(JoinGroupResponse {
                    generation_id: 1,
                    protocol_name: Some("nonsense".into()),
                    leader: "somebody".into(),
                    member_id: "nobody".into(),
                    ..Default::default()
                })
            }
            _ => Fault::on(ApiKey::SYNC_GROUP).reply::<SyncGroupRequest>(SyncGroupResponse {
                assignment: Bytes::from_static(dice.pick(&ASSIGNMENTS)),
                ..Default::default()
            }),
        };
        world.plant(fault);
        if dice.one_in(2) {
            // So that there is something to answer.
            world.cluster.drop_connections(world.any_broker());
            world.cluster.move_coordinator(GROUP, world.any_broker());
        }
    }
}

/// Bytes of an assignment: cut, of a version that nobody has, of counts that lie, of a topic that
/// nobody reads, of partitions that there are not, twice, none.
const ASSIGNMENTS: [&[u8]; 8] = [
    b"\0",
    b"\xff\xff\0\0\0\0",
    b"\0\x01\x7f\xff\xff\xff",
    b"\0\0\0\0\0\x01\0\x01x\0\0\0\x01\0\0\0\0\0\0\0\0",
    b"\0\0\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x4d\0\0\0\0",
    b"\0\0\0\0\0\x01\0\x01t\0\0\0\x01\xff\xff\xff\xff\0\0\0\0",
    b"\0\0\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0",
    b"",
];

pub(super) fn deceived(settings: &mut Settings) {
    settings.group.is_deceived = true;
}

/// Codes that only the protocol of KIP-848 has, and what else a coordinator says to its members.
pub(super) async fn member_codes(world: &World) {
    let to_beats = [
        ErrorCode::FENCED_MEMBER_EPOCH,
        ErrorCode::UNKNOWN_MEMBER_ID,
        ErrorCode::UNSUPPORTED_ASSIGNOR,
        ErrorCode::INVALID_REGULAR_EXPRESSION,
        ErrorCode::GROUP_MAX_SIZE_REACHED,
        ErrorCode::UNRELEASED_INSTANCE_ID,
    ];
    let to_others = [ErrorCode::STALE_MEMBER_EPOCH, ErrorCode::UNKNOWN_MEMBER_ID];
    for _ in 0..12 {
        world.moment().await;
        world.plant(match world.dice.number(0..=3) {
            0 => Fault::on(ApiKey::OFFSET_COMMIT).answer(world.dice.pick(&to_others)),
            1 => Fault::on(ApiKey::OFFSET_FETCH).answer(world.dice.pick(&to_others)),
            _ => Fault::on(ApiKey::CONSUMER_GROUP_HEARTBEAT).answer(world.dice.pick(&to_beats)),
        });
    }
}

/// Answers to commits are late, and so others come before them.
pub(super) async fn late_commits(world: &World) {
    for _ in 0..10 {
        world.moment().await;
        let by = world.dice.millis(100..=1000);
        world.plant(Fault::on(ApiKey::OFFSET_COMMIT).times(2).delay_answer(by));
    }
}

pub(super) async fn rights(world: &World) {
    for _ in 0..6 {
        world.moment().await;
        let code = match world.dice.one_in(2) {
            true => ErrorCode::GROUP_AUTHORIZATION_FAILED,
            false => ErrorCode::TOPIC_AUTHORIZATION_FAILED,
        };
        let api = match code {
            ErrorCode::GROUP_AUTHORIZATION_FAILED => world.group_api(),
            _ => world.dice.pick(&[ApiKey::OFFSET_COMMIT, ApiKey::FETCH]),
        };
        world.plant(Fault::on(api).answer(code));
    }
}

/// A broker lacks the newer versions of what members ask for.
pub(super) async fn versions(world: &World) {
    for _ in 0..3 {
        world.moment().await;
        let (broker, all) = (world.busy_broker(), 0..=i16::MAX);
        let older = [
            (ApiKey::OFFSET_COMMIT, 2..=5),
            (ApiKey::OFFSET_FETCH, 1..=5),
            (ApiKey::JOIN_GROUP, 1..=4),
            (ApiKey::SYNC_GROUP, 0..=2),
            (ApiKey::FETCH, 4..=5),
        ];
        let (api, some) = older.get(usize::try_from(world.dice.number(0..=4)).unwrap()).unwrap();
        world.cluster.set_versions(broker, *api, Some(some.clone()));
        world.cluster.drop_connections(broker);
        world.strike();
        sleep(world.dice.millis(500..=3000)).await;
        world.cluster.set_versions(broker, *api, Some(all));
        world.cluster.drop_connections(broker);
    }
}

pub(super) async fn throttled(world: &World) {
    for _ in 0..5 {
        world.moment().await;
        let by = world.dice.pick(&[SECOND, 3 * SECOND]);
        world.plant(Fault::on(world.group_api()).throttle(by));
    }
}

pub(super) fn storm(settings: &mut Settings) {
    let group = &mut settings.group;
    (group.is_calm, group.ends_count) = (true, true);
    (group.ends_one_in, group.pause_max) = (3, 200 * MS);
    settings.safety = 8 * SECOND;
}

pub(super) fn stalls(settings: &mut Settings) {
    let group = &mut settings.group;
    group.config.poll_interval_max = 4 * SECOND;
    group.config.auto_commit_interval = None;
    (group.stall, group.stalls_one_in) = (Some(6 * SECOND), 12);
}

/// Who was at work for too long hears so when it commits.
pub(super) fn some_commits_refused(column: Column, runs: &[Ran]) -> Result<(), String> {
    let refused = runs.iter().any(|ran| ran.pages.refused_commits > 0);
    match column.has_members() && !refused {
        true => Err("no commit of what was lost was refused".to_owned()),
        false => Ok(()),
    }
}

pub(super) fn comes_back(settings: &mut Settings) {
    let group = &mut settings.group;
    (group.is_static, group.ends_count) = (true, true);
    (group.ends_one_in, group.pause_max) = (15, 9 * SECOND);
}

pub(super) fn rivals(settings: &mut Settings) {
    let group = &mut settings.group;
    (group.is_static, group.are_rivals) = (true, true);
    (group.ends_one_in, group.pause_max) = (30, 5 * SECOND);
}

/// Somebody was told that another one has its name.
pub(super) fn some_fenced(column: Column, runs: &[Ran]) -> Result<(), String> {
    let codes = [ErrorCode::FENCED_INSTANCE_ID, ErrorCode::UNRELEASED_INSTANCE_ID];
    let mut said = runs.iter().flat_map(Ran::errors).filter_map(|error| error.code());
    match column.has_members() && !said.any(|code| codes.contains(&code)) {
        true => Err("nobody was told that another one has its name".to_owned()),
        false => Ok(()),
    }
}

pub(super) fn slow_work(settings: &mut Settings) {
    let group = &mut settings.group;
    (group.is_calm, group.ends_count, group.ends_one_in) = (true, true, 10);
    (group.work_max_ms, group.letting_go_max_ms) = (500, 500);
}

pub(super) fn races(settings: &mut Settings) {
    let group = &mut settings.group;
    (group.is_calm, group.commits_race, group.ends_one_in) = (true, true, 15);
    group.config.auto_commit_interval = Some(200 * MS);
}

pub(super) fn dies(settings: &mut Settings) {
    let group = &mut settings.group;
    (group.dies, group.ends_count, group.ends_one_in) = (true, true, 12);
}

/// A group whose members change its protocol as they come.
pub(super) fn migrates(settings: &mut Settings) {
    settings.release = "4.4";
    let group = &mut settings.group;
    (group.migrates, group.ends_one_in) = (true, 10);
}
