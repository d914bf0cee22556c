//! Core: what a client may do with a resource: everything, since nobody is kept out (KIP-430).

/// The operations on the cluster, a bit each: create, alter, describe, act as a broker, see and
/// change settings, write with idempotence.
pub(super) const ON_CLUSTER: i32 = CREATE
    | ALTER
    | DESCRIBE
    | CLUSTER_ACTION
    | DESCRIBE_CONFIGS
    | ALTER_CONFIGS
    | IDEMPOTENT_WRITE;

/// The operations on a topic.
pub(super) const ON_TOPIC: i32 =
    READ | WRITE | CREATE | DELETE | ALTER | DESCRIBE | DESCRIBE_CONFIGS | ALTER_CONFIGS;

/// The operations on a group.
pub(super) const ON_GROUP: i32 = READ | DELETE | DESCRIBE | DESCRIBE_CONFIGS | ALTER_CONFIGS;

/// The operations if the client asked for them, else what says that it did not.
pub(super) fn told(operations: i32, is_asked: Asked) -> i32 {
    if is_asked.0 { operations } else { NOT_ASKED }
}

/// Whether the client wants to know what it may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked(pub(super) bool);

const NOT_ASKED: i32 = i32::MIN;

// The bits are the numbers of Kafka's AclOperation.
const READ: i32 = 1 << 3;
const WRITE: i32 = 1 << 4;
const CREATE: i32 = 1 << 5;
const DELETE: i32 = 1 << 6;
const ALTER: i32 = 1 << 7;
const DESCRIBE: i32 = 1 << 8;
const CLUSTER_ACTION: i32 = 1 << 9;
const DESCRIBE_CONFIGS: i32 = 1 << 10;
const ALTER_CONFIGS: i32 = 1 << 11;
const IDEMPOTENT_WRITE: i32 = 1 << 12;
