//! ApiVersions: what the release that the brokers pretend to be speaks (KIP-35, KIP-511).

use kurier_protocol::api::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use kurier_protocol::release::Release;
use kurier_protocol::{ApiKey, ErrorCode, frame};

use super::api::{Api, Context, Outcome, Pending, Step};
use super::served::SERVED;
use crate::state::{Settings, Spoken, State};

impl Api for ApiVersionsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let code = check(self, state, context);
        if let Err(code) = code {
            return Outcome::Answer(self.refuse(code));
        }
        let api_keys = ranges(state.spoken(context.broker)).collect();
        let features = features(&state.settings);
        let supported = features.iter().map(|&(name, level)| SupportedFeatureKey {
            name: name.into(),
            min_version: 0,
            max_version: level,
        });
        let finalized = features.iter().map(|&(name, level)| FinalizedFeatureKey {
            name: name.into(),
            max_version_level: level,
            min_version_level: level,
        });
        Outcome::Answer(ApiVersionsResponse {
            api_keys,
            // A lowest level of 0 is not understood before version 4 (KAFKA-17011).
            supported_features: supported.filter(|_| context.version >= 4).collect(),
            finalized_features_epoch: if features.is_empty() { -1 } else { 1 },
            finalized_features: finalized.collect(),
            ..Default::default()
        })
    }

    fn refuse(&self, code: ErrorCode) -> ApiVersionsResponse {
        ApiVersionsResponse { error_code: code, ..Default::default() }
    }
}

fn check(request: &ApiVersionsRequest, state: &State, context: &Context) -> Result<(), ErrorCode> {
    if context.version >= 3
        && !(is_software_name(&request.client_software_name)
            && is_software_name(&request.client_software_version))
    {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    // KIP-1242: a client that ended at another broker than it wanted is told.
    match (&request.cluster_id, request.node_id) {
        (None, -1) => Ok(()),
        (None, _) | (_, -1) => Err(ErrorCode::INVALID_REQUEST),
        (Some(cluster), node) => {
            let is_right = *cluster == state.settings.ids.cluster && node == context.broker;
            if is_right { Ok(()) } else { Err(ErrorCode::REBOOTSTRAP_REQUIRED) }
        }
    }
}

/// The features that are on, and their levels: they and not the APIs tell clients which rules for
/// transactions and groups the cluster follows.
fn features(settings: &Settings) -> Vec<(&'static str, i16)> {
    let transactions = settings.has_transactions_v2().then_some(("transaction.version", 2));
    let groups = settings.has_consumer_groups().then_some(("group.version", 1));
    groups.into_iter().chain(transactions).collect()
}

/// What is spoken, as far as there are handlers.
fn ranges(spoken: &Spoken) -> impl Iterator<Item = ApiVersion> {
    spoken.advertised().filter(|(key, _)| SERVED.contains(key)).map(|(key, range)| ApiVersion {
        api_key: key,
        min_version: *range.start(),
        max_version: *range.end(),
    })
}

/// A letter or digit at both ends, and between them dots and dashes as well (KIP-511).
fn is_software_name(name: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    let ends = [name.bytes().next(), name.bytes().next_back()];
    ends.iter().all(|end| end.is_some_and(|b| b.is_ascii_alphanumeric()))
        && name.bytes().all(is_inner)
}

/// An ApiVersions request of a version that the brokers lack: the one request of which they do not
/// have to know the version to answer it.
#[derive(Debug)]
pub(super) struct UnknownVersion {
    pub(super) spoken: Spoken,
    pub(super) correlation_id: i32,
}

impl Pending for UnknownVersion {
    fn poll(&mut self, _: &mut State, _: &Context) -> Step {
        self.refuse(ErrorCode::UNSUPPORTED_VERSION)
    }

    fn refuse(&self, code: ErrorCode) -> Step {
        // The range of ApiVersions itself is named since 2.4, so that the client need not guess.
        let is_named = self.spoken.release >= Release::V2_4;
        let api_keys =
            ranges(&self.spoken).filter(|api| api.api_key == ApiKey::API_VERSIONS && is_named);
        let response = ApiVersionsResponse {
            error_code: code,
            api_keys: api_keys.collect(),
            ..Default::default()
        };
        match frame::response(ApiKey::API_VERSIONS, &response, 0, self.correlation_id) {
            Ok(segments) => Step::Answer(segments),
            Err(error) => Step::Close(error.to_string()),
        }
    }
}
