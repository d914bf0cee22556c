//! The targets, one file each.

pub mod decode_any;
pub mod round_trip;
pub mod frames;
pub mod record_batches;
pub mod batch_round_trip;
pub mod decompress;

use crate::random::Random;

/// A target by its name.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its function, its corpus and its cargo-fuzz target.
    pub name: &'static str,
    /// Panics when a promise is broken.
    pub run: fn(&[u8]),
    /// Makes an input that gets far.
    pub make: fn(&mut Random) -> Vec<u8>,
}

/// All targets.
pub const ALL: &[Target] = &[
    Target { name: "decode_any", run: decode_any::decode_any, make: decode_any::make },
    Target { name: "round_trip", run: round_trip::round_trip, make: round_trip::make },
    Target { name: "frames", run: frames::frames, make: frames::make },
    Target {
        name: "record_batches",
        run: record_batches::record_batches,
        make: record_batches::make,
    },
    Target {
        name: "batch_round_trip",
        run: batch_round_trip::batch_round_trip,
        make: batch_round_trip::make,
    },
    Target { name: "decompress", run: decompress::decompress, make: decompress::make },
];
