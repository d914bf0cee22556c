//! Core: untrue answers: leaders, epochs, coordinators and brokers that are not so, or not there.

use bytes::Bytes;
use kurier_protocol::release::Release;
use kurier_protocol::schema::Kind;
use kurier_protocol::value::Value;
use kurier_protocol::{ApiKey, ErrorCode, Str};

use crate::fault::{Filter, Named, Part, Row, TopicNames, Twist, blank, walk};
use crate::state::{Address, ListenerId, State};

/// Where an answer is given.
pub(crate) struct Scene<'a> {
    pub(crate) state: &'a State,
    pub(crate) broker: i32,
    pub(crate) listener: ListenerId,
}

impl Scene<'_> {
    /// Whether the broker answers who is throttled at once and then stops reading (KIP-219).
    pub(crate) fn mutes(&self) -> bool {
        self.state.spoken(self.broker).release >= Release::V2_0
    }
}

/// Puts a lie into an answer.
pub(super) fn tell(
    answer: &mut Row<'_>,
    api: ApiKey,
    (filter, twist): (&Filter, &Twist),
    scene: &Scene<'_>,
) {
    match *twist {
        Twist::ClaimAddress(broker, ref host, port) => {
            each_broker(answer, |row| {
                if row.int(NODE) == Some(broker) {
                    row.set(&["host"], Value::String(host.clone()));
                    row.set(&["port"], Value::Int(port.into()));
                }
            });
        }
        Twist::ClaimLeader(broker) => {
            let mut is_hinted = false;
            each(answer, (filter, scene), |named, row| {
                row.set(&["leader_id"], Value::Int(broker.into()));
                let epoch = true_epoch(named, scene);
                if let Some(mut hint) = hint(row) {
                    is_hinted = true;
                    hint.set(&["leader_id"], Value::Int(broker.into()));
                    if hint.int(&["leader_epoch"]) == Some(-1) {
                        hint.set(&["leader_epoch"], Value::Int(epoch.into()));
                    }
                }
            });
            if is_hinted {
                add_endpoint(answer, broker, scene);
            }
        }
        Twist::ClaimLeaderEpoch(epoch) => each(answer, (filter, scene), |_, row| {
            row.set(&["leader_epoch"], Value::Int(epoch.into()));
            if let Some(mut hint) = hint(row) {
                hint.set(&["leader_epoch"], Value::Int(epoch.into()));
            }
        }),
        Twist::ClaimCoordinator(broker) if api == ApiKey::FIND_COORDINATOR => {
            each_broker(answer, |row| place(row, broker, scene));
        }
        Twist::ClaimController(broker) => {
            answer.set(&["controller_id"], Value::Int(broker.into()));
        }
        Twist::DisorderAborted => each(answer, (filter, scene), |_, row| disorder_aborted(row)),
        Twist::HideBroker(broker) => {
            let version = answer.version();
            if let Some((kind, items)) = answer.array(&["brokers"]) {
                items.retain_mut(|item| {
                    let row = Row::element(version, kind, item);
                    row.and_then(|mut row| row.int(NODE)) != Some(broker)
                });
            }
        }
        Twist::Hide => walk(answer, &mut |named, _| {
            let is_whole = filter.partition().is_none();
            let is_meant = matches!(named.part, Part::One(_)) || is_whole;
            !(is_meant && filter.selects(named, scene.state))
        }),
        _ => {}
    }
}

/// The records of a partition in an answer to a fetch, if there are some.
pub(super) fn records<'a>(row: &'a mut Row<'_>) -> Option<&'a mut Bytes> {
    match row.find(&["records"])? {
        (_, Value::Bytes(records)) if !records.is_empty() => Some(records),
        _ => None,
    }
}

/// Puts the aborted transactions of a partition in another order, each twice, behind two that
/// there are not. Once is enough, however many want it.
fn disorder_aborted(row: &mut Row<'_>) {
    let version = row.version();
    let Some((kind, told)) = row.array(&["aborted_transactions"]) else { return };
    let first = told.first_mut().and_then(|one| Row::element(version, kind, one));
    if first.is_some_and(|mut one| one.int(&["producer_id"]) == Some(NOBODY)) {
        return;
    }
    told.reverse();
    told.append(&mut told.clone());
    for nobody in [NOBODY - 1, NOBODY] {
        let mut one = blank(kind);
        if let Some(mut row) = Row::element(version, kind, &mut one) {
            row.set(&["producer_id"], Value::Int(nobody.into()));
        }
        told.insert(0, one);
    }
}

/// Shows each partition of an answer that is meant.
fn each(
    answer: &mut Row<'_>,
    (filter, scene): (&Filter, &Scene<'_>),
    mut show: impl FnMut(&Named, &mut Row<'_>),
) {
    walk(answer, &mut |named, row| {
        let is_meant = matches!(named.part, Part::One(_)) && filter.selects(named, scene.state);
        if let Some(mut row) = row.filter(|_| is_meant) {
            show(named, &mut row);
        }
        true
    });
}

/// Shows everything in an answer that says where a broker listens.
fn each_broker(answer: &mut Row<'_>, mut show: impl FnMut(&mut Row<'_>)) {
    show(answer);
    let version = answer.version();
    for (field, value) in answer.fields() {
        let (Kind::Array(kind), Value::Array(items)) = (field.kind, value) else { continue };
        if ["brokers", "coordinators", "node_endpoints"].contains(&field.name) {
            for mut row in items.iter_mut().filter_map(|item| Row::element(version, kind, item)) {
                show(&mut row);
            }
        }
    }
}

/// Where a refused partition says who leads it now (KIP-951).
fn hint<'a>(row: &'a mut Row<'_>) -> Option<Row<'a>> {
    let moved = [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::FENCED_LEADER_EPOCH];
    let is_moved = row.error_code().is_some_and(|code| moved.contains(&code));
    row.child("current_leader").filter(|_| is_moved)
}

fn true_epoch(named: &Named, scene: &Scene<'_>) -> i32 {
    let topic = match &named.topic.name {
        name if name.is_empty() => scene.state.name_of(named.topic.id),
        name => Some(name),
    };
    let Part::One(partition) = named.part else { return -1 };
    let found = topic.and_then(|topic| scene.state.partition(topic, partition));
    found.map_or(-1, |found| found.leader_epoch)
}

fn add_endpoint(answer: &mut Row<'_>, broker: i32, scene: &Scene<'_>) {
    let version = answer.version();
    let Some((kind, items)) = answer.array(&["node_endpoints"]) else { return };
    let is_there = items.iter_mut().any(|item| {
        Row::element(version, kind, item).and_then(|mut row| row.int(NODE)) == Some(broker)
    });
    if !is_there {
        let mut endpoint = blank(kind);
        if let Some(mut row) = Row::element(version, kind, &mut endpoint) {
            place(&mut row, broker, scene);
        }
        items.push(endpoint);
    }
}

/// Says in a row that it is this broker, and where it listens.
fn place(row: &mut Row<'_>, broker: i32, scene: &Scene<'_>) {
    let nowhere = Address { host: String::new(), port: 0 };
    let address = scene.state.address(broker, scene.listener).unwrap_or(&nowhere);
    row.set(NODE, Value::Int(broker.into()));
    row.set(&["host"], Value::String(Str::from(&address.host)));
    row.set(&["port"], Value::Int(address.port.into()));
    row.set(&["error_code"], Value::Int(0));
}

/// A producer that there is not, as the one before it.
const NOBODY: i32 = i32::MAX;
const NODE: &[&str] = &["node_id", "broker_id"];
