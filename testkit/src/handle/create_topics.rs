//! CreateTopics.

use kurier_protocol::api::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use super::once::once;
use super::setting::topic_settings;
use super::words::words;
use crate::limits::PARTITIONS_CREATED_MAX;
use crate::state::{NewTopic, State, Topic};

impl Api for CreateTopicsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let settings = &state.settings;
        if !settings.is_kraft() && state.controller() != Some(context.broker) {
            return Outcome::Answer(self.refuse(ErrorCode::NOT_CONTROLLER));
        }
        if partitions(self, state) > PARTITIONS_CREATED_MAX {
            return Outcome::Answer(refuse(self, ErrorCode::POLICY_VIOLATION, Some(EXCESSIVE)));
        }
        let results = once(&self.topics, |topic| &topic.name).map(|(topic, times)| {
            let planned = match times {
                1 => plan(topic, state, context),
                _ => Err((ErrorCode::INVALID_REQUEST, "Duplicate topic name.".to_owned())),
            };
            match planned {
                Err((code, message)) => failed(&topic.name, code, Some(words(&message))),
                Ok(planned) => {
                    let result = created(&topic.name, &planned);
                    if !self.validate_only {
                        state.add_topic(&topic.name, planned);
                    }
                    result
                }
            }
        });
        Outcome::Answer(CreateTopicsResponse { topics: results.collect(), ..Default::default() })
    }

    fn refuse(&self, code: ErrorCode) -> CreateTopicsResponse {
        refuse(self, code, None)
    }
}

fn refuse(
    request: &CreateTopicsRequest,
    code: ErrorCode,
    why: Option<&'static str>,
) -> CreateTopicsResponse {
    let topics = request.topics.iter();
    let topics = topics.map(|topic| failed(&topic.name, code, why.map(Str::from_static)));
    CreateTopicsResponse { topics: topics.collect(), ..Default::default() }
}

/// How many partitions a request asks for.
fn partitions(request: &CreateTopicsRequest, state: &State) -> usize {
    let counts = request.topics.iter().map(|topic| match topic.num_partitions {
        _ if !topic.assignments.is_empty() => topic.assignments.len(),
        -1 => usize::try_from(state.settings.partitions_default).unwrap_or(0),
        count => usize::try_from(count).unwrap_or(0),
    });
    counts.fold(0, usize::saturating_add)
}

fn plan(
    wanted: &CreatableTopic,
    state: &State,
    context: &Context,
) -> Result<Topic, (ErrorCode, String)> {
    let assignments = assignments(wanted)?;
    // Defaults for -1 came with version 4 (KIP-464).
    let is_default = wanted.num_partitions == -1 || wanted.replication_factor == -1;
    if is_default && assignments.is_none() && context.version < 4 {
        let (code, what) = if wanted.num_partitions == -1 {
            (ErrorCode::INVALID_PARTITIONS, "Number of partitions")
        } else {
            (ErrorCode::INVALID_REPLICATION_FACTOR, "Replication factor")
        };
        return Err((code, format!("{what} must be larger than 0.")));
    }
    let mut configs = Vec::new();
    for config in &wanted.configs {
        let Some(value) = &config.value else {
            let message = format!("Null value not supported for topic configs: {}", config.name);
            return Err((ErrorCode::INVALID_CONFIG, message));
        };
        configs.push((config.name.to_string(), value.to_string()));
    }
    state.plan_topic(&NewTopic {
        name: &wanted.name,
        partitions: wanted.num_partitions,
        replication: wanted.replication_factor,
        assignments: assignments.as_deref(),
        configs: &configs,
    })
}

/// The replicas that the client has chosen, by partition.
fn assignments(wanted: &CreatableTopic) -> Result<Option<Vec<Vec<i32>>>, (ErrorCode, String)> {
    if wanted.assignments.is_empty() {
        return Ok(None);
    }
    let set = [
        (wanted.replication_factor != -1, "replication factor"),
        (wanted.num_partitions != -1, "numPartitions"),
    ];
    if let Some((_, what)) = set.iter().find(|(is_set, _)| *is_set) {
        let message =
            format!("A manual partition assignment was specified, but {what} was not set to -1.");
        return Err((ErrorCode::INVALID_REQUEST, message));
    }
    let mut sorted: Vec<_> = wanted.assignments.iter().collect();
    sorted.sort_by_key(|assignment| assignment.partition_index);
    let is_dense = (0i32..).zip(&sorted).all(|(index, found)| found.partition_index == index);
    if !is_dense {
        let message = "partitions should be a consecutive 0-based integer sequence";
        return Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, message.to_owned()));
    }
    Ok(Some(sorted.into_iter().map(|assignment| assignment.broker_ids.clone()).collect()))
}

fn created(name: &Str, topic: &Topic) -> CreatableTopicResult {
    let configs = topic_settings(topic).map(|setting| CreatableTopicConfigs {
        name: setting.name.into(),
        value: Some(setting.value.into()),
        config_source: setting.source,
        ..Default::default()
    });
    CreatableTopicResult {
        name: name.clone(),
        topic_id: topic.id,
        error_message: None,
        num_partitions: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
        replication_factor: topic.replication(),
        configs: Some(configs.collect()),
        ..Default::default()
    }
}

fn failed(name: &Str, error_code: ErrorCode, error_message: Option<Str>) -> CreatableTopicResult {
    CreatableTopicResult { name: name.clone(), error_code, error_message, ..Default::default() }
}

const EXCESSIVE: &str = "Excessively large number of partitions per request.";
