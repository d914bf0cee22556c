//! The entries of a log's `.txnindex` file, in which a broker looks up the aborted transactions of
//! a fetch. A version of two bytes stands before each entry.

message! { AbortedTxn, versions 0..=0, flexible never.. }

wire_structs! {
    /// A transaction that was aborted in a partition.
    struct AbortedTxn {
        /// Id of its producer.
        0..     producer_id: i64,
        /// Offset of its first record.
        0..     first_offset: i64,
        /// Offset of its abort marker.
        0..     last_offset: i64,
        /// Last stable offset of the partition when the marker was written.
        0..     last_stable_offset: i64,
    }
}
