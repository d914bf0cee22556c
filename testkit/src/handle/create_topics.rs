//! CreateTopics.

use kurier_protocol::api::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use crate::state::{NewTopic, State, Topic};

impl Api for CreateTopicsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let settings = &state.settings;
        if !settings.is_kraft() && state.controller() != Some(context.broker) {
            return Outcome::Answer(self.refuse(ErrorCode::NOT_CONTROLLER));
        }
        let results = self.topics.iter().map(|topic| {
            let twice = self.topics.iter().filter(|other| other.name == topic.name).count() > 1;
            let planned = if twice {
                Err((ErrorCode::INVALID_REQUEST, "Duplicate topic name.".to_owned()))
            } else {
                plan(topic, state, context)
            };
            match planned {
                Err((code, message)) => failed(&topic.name, code, Some(message.into())),
                Ok(planned) => {
                    let mut result = created(&topic.name, &planned);
                    if self.validate_only {
                        result.topic_id = kurier_protocol::Uuid::ZERO;
                    } else {
                        state.add_topic(&topic.name, planned);
                    }
                    result
                }
            }
        });
        Outcome::Answer(CreateTopicsResponse { topics: results.collect(), ..Default::default() })
    }

    fn refuse(&self, code: ErrorCode) -> CreateTopicsResponse {
        let topics = self.topics.iter().map(|topic| failed(&topic.name, code, None)).collect();
        CreateTopicsResponse { topics, ..Default::default() }
    }
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
    if wanted.num_partitions != -1 || wanted.replication_factor != -1 {
        let message = "Both numPartitions or replicationFactor and replicasAssignments were set. \
                       Both cannot be used at the same time.";
        return Err((ErrorCode::INVALID_REQUEST, message.to_owned()));
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
    let configs = topic.config.texts().map(|(name, value)| CreatableTopicConfigs {
        name: name.into(),
        value: Some(value.into()),
        config_source: TOPIC_CONFIG,
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

/// Where a setting comes from: the topic itself. Kafka: `ConfigSource.DYNAMIC_TOPIC_CONFIG`.
const TOPIC_CONFIG: i8 = 1;
