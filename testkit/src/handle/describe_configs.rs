//! DescribeConfigs: the settings of topics, groups and brokers, and where each comes from
//! (KIP-226).

use kurier_protocol::api::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use super::config_resource::{BROKER, GROUP, TOPIC, check_broker, check_topic};
use super::once::once;
use super::setting::{
    DEFAULT_SOURCE, Setting, broker_settings, cluster_settings, group_settings, topic_settings,
};
use super::words::words;
use crate::state::State;

impl Api for DescribeConfigsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        // Kafka says it as often as it is asked. Nobody needs that, and a small request must not
        // make an answer that fills the memory.
        let resources =
            once(&self.resources, |wanted| (wanted.resource_type, &wanted.resource_name));
        let results = resources.map(|(wanted, _)| match find(state, context, wanted) {
            Err((code, message)) => failed(wanted, code, &message),
            Ok(found) => {
                // No names at all are all names.
                let keys = wanted.configuration_keys.as_ref().filter(|keys| !keys.is_empty());
                let is_wanted =
                    |name: &str| keys.is_none_or(|keys| keys.iter().any(|key| *key == name));
                let found = found.into_iter().filter(|setting| is_wanted(setting.name));
                DescribeConfigsResult {
                    error_message: Some(Str::default()),
                    resource_type: wanted.resource_type,
                    resource_name: wanted.resource_name.clone(),
                    configs: found.map(|found| describe(found, self, context.version)).collect(),
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

fn describe(
    setting: Setting,
    request: &DescribeConfigsRequest,
    version: i16,
) -> DescribeConfigsResourceResult {
    let synonyms = setting.synonyms.into_iter().filter(|_| request.include_synonyms);
    let synonyms = synonyms.map(|(name, value, source)| DescribeConfigsSynonym {
        name: name.into(),
        value: Some(value.into()),
        source,
    });
    DescribeConfigsResourceResult {
        name: setting.name.into(),
        value: Some(setting.value.into()),
        read_only: setting.is_read_only,
        is_default: version == 0 && setting.source == DEFAULT_SOURCE,
        config_source: setting.source,
        synonyms: synonyms.collect(),
        config_type: setting.kind.code(),
        documentation: None,
        ..Default::default()
    }
}

fn find(
    state: &State,
    context: &Context,
    wanted: &DescribeConfigsResource,
) -> Result<Vec<Setting>, (ErrorCode, String)> {
    let name = &wanted.resource_name;
    match wanted.resource_type {
        TOPIC => match check_topic(state, name) {
            Ok(topic) => Ok(topic_settings(topic).collect()),
            // That there is none goes without words.
            Err((code @ ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, _)) => Err((code, String::new())),
            Err(refused) => Err(refused),
        },
        GROUP if state.settings.has_consumer_groups() => {
            if name.is_empty() {
                let message = "Group name must not be empty".to_owned();
                return Err((ErrorCode::INVALID_REQUEST, message));
            }
            let config = state.group_config(name);
            Ok(group_settings(&state.settings, context.broker, &config))
        }
        BROKER if name.is_empty() => Ok(cluster_settings(state.settings.release).collect()),
        BROKER => {
            check_broker(context.broker, name, " or empty string")?;
            Ok(broker_settings(&state.settings, context.broker).collect())
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
        error_message: Some(words(message)),
        resource_type: wanted.resource_type,
        resource_name: wanted.resource_name.clone(),
        ..Default::default()
    }
}
