//! The targets: functions that take any bytes and panic when a promise is broken.

mod decode;
mod round_trip;
mod mutated;
mod frames;
mod headers;
mod group_blobs;
mod batches;
mod batch_round_trip;
mod decompress;
mod fetch_partition;
#[cfg(feature = "testkit")]
mod stateful_testkit;
#[cfg(feature = "client")]
mod hostile_broker;
#[cfg(feature = "client")]
mod stateful_client;
#[cfg(feature = "client")]
mod proxy_bytes;
#[cfg(feature = "client")]
mod hostile_login;
#[cfg(feature = "client")]
mod properties;
#[cfg(feature = "client")]
mod key_stores;
#[cfg(feature = "client")]
mod logins;
#[cfg(feature = "client")]
mod kerberos;

pub use self::batch_round_trip::batch_round_trip;
pub use self::batches::{batch_v0_v1, batch_v2};
pub use self::decode::{decode_request, decode_response, decoded};
pub use self::decompress::{decompress_gzip, decompress_lz4, decompress_snappy, decompress_zstd};
pub use self::fetch_partition::fetch_partition;
pub use self::frames::frames;
pub use self::group_blobs::group_blobs;
pub use self::headers::headers;
#[cfg(feature = "client")]
pub use self::hostile_broker::{Met, hostile_broker, meet};
#[cfg(feature = "client")]
pub use self::hostile_login::{hostile_login, log_in};
#[cfg(feature = "client")]
pub use self::kerberos::{kerberos_files, kerberos_tokens};
#[cfg(feature = "client")]
pub use self::key_stores::{key_stores, open_stores};
#[cfg(feature = "client")]
pub use self::logins::{scram, token_answer};
pub use self::mutated::mutated;
#[cfg(feature = "client")]
pub use self::properties::properties;
#[cfg(feature = "client")]
pub use self::proxy_bytes::{Passed, pass, proxy_bytes};
pub use self::round_trip::round_trip;
#[cfg(feature = "client")]
pub use self::stateful_client::{Followed, follow, script_of, stateful_client};
#[cfg(feature = "testkit")]
pub use self::stateful_testkit::{Tally, play, stateful_testkit};

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
    /// What an input of it costs, in inputs of the other targets.
    pub cost: usize,
}

macro_rules! targets {
    ($($(#[$when:meta])? $module:ident: $name:ident, $make:expr $(, cost $cost:literal)?;)*) => {
        /// All targets.
        pub const ALL: &[Target] = &[$(
            $(#[$when])?
            Target {
                name: stringify!($name),
                run: $module::$name,
                make: $make,
                cost: targets!(@cost $($cost)?),
            },
        )*];
    };
    (@cost) => { 1 };
    (@cost $cost:literal) => { $cost };
}

targets! {
    decode: decode_request, decode::make_request;
    decode: decode_response, decode::make_response;
    round_trip: round_trip, round_trip::make;
    mutated: mutated, mutated::make;
    frames: frames, frames::make;
    headers: headers, headers::make;
    group_blobs: group_blobs, group_blobs::make;
    batches: batch_v2, batches::make_v2;
    batches: batch_v0_v1, batches::make_v0_v1;
    batch_round_trip: batch_round_trip, batch_round_trip::make;
    decompress: decompress_gzip, decompress::make_gzip;
    decompress: decompress_snappy, decompress::make_snappy;
    decompress: decompress_lz4, decompress::make_lz4;
    decompress: decompress_zstd, decompress::make_zstd;
    fetch_partition: fetch_partition, fetch_partition::make;
    #[cfg(feature = "testkit")]
    stateful_testkit: stateful_testkit, stateful_testkit::make, cost 50;
    #[cfg(feature = "client")]
    hostile_broker: hostile_broker, hostile_broker::make, cost 100;
    #[cfg(feature = "client")]
    properties: properties, properties::make, cost 50;
    #[cfg(feature = "client")]
    hostile_login: hostile_login, hostile_login::make, cost 100;
    #[cfg(feature = "client")]
    key_stores: key_stores, key_stores::make, cost 2;
    #[cfg(feature = "client")]
    logins: scram, logins::make_scram, cost 10;
    #[cfg(feature = "client")]
    logins: token_answer, logins::make_answer;
    #[cfg(feature = "client")]
    kerberos: kerberos_files, kerberos::make_files;
    #[cfg(feature = "client")]
    kerberos: kerberos_tokens, kerberos::make_tokens, cost 2;
    #[cfg(feature = "client")]
    stateful_client: stateful_client, stateful_client::make, cost 100;
    #[cfg(feature = "client")]
    proxy_bytes: proxy_bytes, proxy_bytes::make, cost 400;
}
