//! DescribeConfigs: the settings of topics and brokers, and where each comes from (KIP-226).

use kurier_protocol::api::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use super::config_resource::{BROKER, TOPIC, TOPIC_SOURCE, check_broker, check_topic};
use crate::config_names::{ConfigKind, kind};
use crate::state::State;

impl Api for DescribeConfigsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let results = self.resources.iter().map(|wanted| match find(state, context, wanted) {
            Err((code, message)) => failed(wanted, code, &message),
            Ok(found) => {
                let keys = wanted.configuration_keys.as_ref();
                let is_wanted =
                    |name: &str| keys.is_none_or(|keys| keys.iter().any(|key| *key == name));
                let found = found.into_iter().filter(|setting| is_wanted(&setting.name));
                DescribeConfigsResult {
                    error_message: Some(Str::default()),
                    resource_type: wanted.resource_type,
                    resource_name: wanted.resource_name.clone(),
                    configs: found.map(|setting| setting.describe(self, context.version)).collect(),
                    ..Default::default()
                }
            }
        });
        Outcome::Answer(DescribeConfigsResponse {
            results: results.collect(),
            ..Default::default()
        })
    }

    fn refuse(&self, code: ErrorCode) -> DescribeConfigsResponse {
        let name = code.name().unwrap_or_default();
        let results = self.resources.iter().map(|wanted| failed(wanted, code, name)).collect();
        DescribeConfigsResponse { results, ..Default::default() }
    }
}

/// A setting, and what it would be otherwise.
struct Setting {
    name: String,
    value: String,
    source: i8,
    default: String,
    kind: ConfigKind,
}

impl Setting {
    fn describe(
        self,
        request: &DescribeConfigsRequest,
        version: i16,
    ) -> DescribeConfigsResourceResult {
        let name = Str::from(self.name);
        let of = |value: String, source| DescribeConfigsSynonym {
            name: name.clone(),
            value: Some(value.into()),
            source,
        };
        let mut synonyms = vec![of(self.value.clone(), self.source)];
        if self.source != DEFAULT_SOURCE {
            synonyms.push(of(self.default, DEFAULT_SOURCE));
        }
        DescribeConfigsResourceResult {
            value: Some(self.value.into()),
            read_only: self.source == STATIC_SOURCE,
            is_default: version == 0 && self.source == DEFAULT_SOURCE,
            config_source: self.source,
            synonyms: if request.include_synonyms { synonyms } else { Vec::new() },
            config_type: self.kind.code(),
            documentation: None,
            name,
            ..Default::default()
        }
    }
}

fn find(
    state: &State,
    context: &Context,
    wanted: &DescribeConfigsResource,
) -> Result<Vec<Setting>, (ErrorCode, String)> {
    match wanted.resource_type {
        TOPIC => {
            let topic = check_topic(state, &wanted.resource_name)?;
            let all = topic.config.all().map(|(name, value, default)| Setting {
                name: name.to_owned(),
                source: if value.is_some() { TOPIC_SOURCE } else { DEFAULT_SOURCE },
                value: value.unwrap_or(&default).to_owned(),
                default,
                kind: kind(name),
            });
            Ok(all.collect())
        }
        BROKER => {
            check_broker(context.broker, &wanted.resource_name)?;
            if wanted.resource_name.is_empty() {
                return Ok(Vec::new());
            }
            let all = state.settings.broker_configs(context.broker).into_iter();
            let all = all.map(|(name, value)| Setting {
                name: name.to_owned(),
                default: value.clone(),
                value,
                source: STATIC_SOURCE,
                kind: kind(name),
            });
            Ok(all.collect())
        }
        other => {
            let message = format!("Unsupported resource type: {other}");
            Err((ErrorCode::INVALID_REQUEST, message))
        }
    }
}

fn failed(
    wanted: &DescribeConfigsResource,
    error_code: ErrorCode,
    message: &str,
) -> DescribeConfigsResult {
    DescribeConfigsResult {
        error_code,
        error_message: Some(message.into()),
        resource_type: wanted.resource_type,
        resource_name: wanted.resource_name.clone(),
        ..Default::default()
    }
}

/// Kafka: `ConfigSource.STATIC_BROKER_CONFIG`.
const STATIC_SOURCE: i8 = 4;
/// Kafka: `ConfigSource.DEFAULT_CONFIG`.
const DEFAULT_SOURCE: i8 = 5;
