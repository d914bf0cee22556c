//! The voters of the metadata log, as a control record in it (KIP-853).

use crate::wire::{Str, Uuid};

message! { VotersRecord, versions 0..=0, flexible 0.. }

wire_structs! {
    /// The voters from here on.
    struct VotersRecord {
        /// Version of this record.
        0..     version: i16,
        /// Every voter.
        0..     voters: Vec<Voter>,
    }

    /// One voter.
    struct Voter {
        /// Id of the controller.
        0..     voter_id: i32,
        /// Id of the directory that its log is in.
        0..     voter_directory_id: Uuid,
        /// Where it can be reached, by listener.
        0..     endpoints: Vec<Endpoint>,
        /// The versions of KRaft that it is able to run.
        0..     k_raft_version_feature: KRaftVersionFeature,
    }

    /// Where a voter can be reached.
    struct Endpoint {
        /// Name of the listener.
        0..     name: Str,
        /// Host name or address.
        0..     host: Str,
        /// Port.
        0..     port: u16,
    }

    /// The versions of KRaft that a voter is able to run.
    struct KRaftVersionFeature {
        /// The lowest.
        0..     min_supported_version: i16,
        /// The highest.
        0..     max_supported_version: i16,
    }
}
