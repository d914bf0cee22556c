//! Data messages: what travels inside other messages and in records, and is neither a request nor
//! a response.

mod versioned;
pub mod consumer_protocol_subscription;
pub mod consumer_protocol_assignment;
pub mod sticky_assignor;
pub mod group_log;
pub mod transaction_log;
pub mod control_record;
pub mod voters;
pub mod aborted_txn;
pub mod principal;

pub use self::versioned::{decode_versioned, encode_versioned};

use crate::info::MessageInfo;

/// Registers data messages.
macro_rules! data {
    ($($module:ident: $($name:ident)+,)*) => {
        /// Every data message.
        pub(crate) static MESSAGES: &[MessageInfo] =
            &[$($(MessageInfo::of::<$module::$name>(),)+)*];
    };
}

data! {
    consumer_protocol_subscription: ConsumerProtocolSubscription,
    consumer_protocol_assignment: ConsumerProtocolAssignment,
    sticky_assignor: StickyAssignorUserData CooperativeStickyAssignorUserData,
    group_log: OffsetCommitKey OffsetCommitValue GroupMetadataKey GroupMetadataValue,
    transaction_log: TransactionLogKey TransactionLogValue,
    control_record: ControlRecordTypeSchema EndTxnMarker LeaderChangeMessage
        SnapshotHeaderRecord SnapshotFooterRecord KRaftVersionRecord,
    voters: VotersRecord,
    aborted_txn: AbortedTxn,
    principal: DefaultPrincipalData,
}
