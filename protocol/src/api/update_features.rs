//! UpdateFeatures: raises or lowers the finalized levels of features.
//!
//! Sent by admin tools to the controller, or to any KRaft broker, which forwards it; since 2.7
//! (KIP-584). ApiVersions shows the levels. Version 1 (3.3, KIP-778) tells safe from unsafe
//! downgrades; since version 2 (4.0) there is one error for all.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    UpdateFeaturesRequest => UpdateFeaturesResponse, key 57, versions 0..=2, flexible 0..;

    /// Asks to change levels. Since version 2 all change, or none.
    struct UpdateFeaturesRequest {
        /// How long the controller may take, in milliseconds.
        0..     timeout_ms: i32 = 60000,
        /// The changes.
        0..     feature_updates: Vec<FeatureUpdateKey>,
        /// Whether only to check the request, without changing anything.
        1..     validate_only: bool = false,
    }

    /// The change of one feature.
    struct FeatureUpdateKey {
        /// The feature's name, such as `metadata.version`.
        0..     feature: Str,
        /// The new level; below 1 = drop the feature.
        0..     max_version_level: i16,
        /// Whether the level may sink; version 0 only.
        0..=0   allow_downgrade: bool,
        /// 1 = upgrade, 2 = downgrade if nothing is lost, 3 = downgrade whatever is lost.
        1..     upgrade_type: i8 = 1,
    }

    /// Says whether the levels changed.
    struct UpdateFeaturesResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `INVALID_UPDATE_VERSION`: not possible from the present level. `FEATURE_UPDATE_FAILED`.
        /// `NOT_CONTROLLER`: ask the new one. `CLUSTER_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
        /// The outcome, by feature, up to version 1.
        0..=1   results: Vec<UpdatableFeatureResult> [ignorable],
    }

    /// The outcome for one feature, up to version 1.
    struct UpdatableFeatureResult {
        /// The feature's name.
        0..     feature: Str,
        /// `INVALID_UPDATE_VERSION`: not possible from the present level. `FEATURE_UPDATE_FAILED`:
        /// see `error_message`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
    }
}
