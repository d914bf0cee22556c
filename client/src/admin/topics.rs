//! Topics: list, describe, create, delete.

use std::sync::Arc;

use kurier_protocol::ApiKey;
use kurier_protocol::api::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
    CreateTopicsResponse,
};
use kurier_protocol::api::delete_topics::{
    DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use tokio::time::Instant;

use super::handle::Admin;
use super::rounds::{self, Operation, Outcomes, Said};
use crate::error::{About, Error, means_missing, means_young};
use crate::metadata::{Creation, Picture, Topic, question, usable};
use crate::retries::Retries;
use crate::routing::{Target, ask};

/// A topic that shall be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    name: String,
    partitions: Option<i32>,
    replication_factor: Option<i16>,
    replicas: Vec<Vec<i32>>,
    configs: Vec<(String, String)>,
}

impl NewTopic {
    /// A topic with the brokers' defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            partitions: None,
            replication_factor: None,
            replicas: Vec::new(),
            configs: Vec::new(),
        }
    }

    /// How many partitions it has. Default: what the brokers are set up for; 1 where they cannot
    /// be asked for that (before 2.4).
    #[must_use]
    pub fn partitions(mut self, count: i32) -> Self {
        self.partitions = Some(count);
        self
    }

    /// On how many brokers each partition is. Default: as for the number of partitions.
    #[must_use]
    pub fn replication_factor(mut self, count: i16) -> Self {
        self.replication_factor = Some(count);
        self
    }

    /// The brokers of each partition, instead of numbers of partitions and replicas.
    #[must_use]
    pub fn replicas(mut self, by_partition: impl IntoIterator<Item = Vec<i32>>) -> Self {
        self.replicas = by_partition.into_iter().collect();
        self
    }

    /// A setting of the topic, such as `retention.ms`.
    #[must_use]
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.configs.push((name.into(), value.into()));
        self
    }
}

impl Admin {
    /// All topics that the user may see, by name.
    ///
    /// # Errors
    ///
    /// As every request: no broker can be reached, or none answers in time; and what a broker says
    /// instead of an answer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the listing; nothing is changed by it.
    pub async fn list_topics(&self) -> Result<Vec<Arc<Topic>>, Error> {
        let deadline = Instant::now() + self.cluster.request_timeout();
        let picture = self.metadata(None, deadline).await?;
        Ok(picture.topics().cloned().collect())
    }

    /// These topics, in the order of the names. Never creates one.
    ///
    /// # Errors
    ///
    /// As every request; and for each topic [`Error::UnknownTopic`], or what a broker said of it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops it; nothing is changed by it.
    pub async fn describe_topics<T: Into<String>>(
        &self,
        names: impl IntoIterator<Item = T>,
    ) -> Result<Vec<Result<Arc<Topic>, Error>>, Error> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let deadline = Instant::now() + self.cluster.request_timeout();
        let mut retries = Retries::new(&self.cluster, deadline);
        loop {
            let picture = self.metadata(Some(names.clone()), deadline).await?;
            let topics: Vec<_> = names.iter().map(|name| self.described(&picture, name)).collect();
            let is_young = |topic: &Result<_, Error>| match topic {
                Err(Error::Broker { code, .. }) => means_young(*code),
                _ => false,
            };
            if !topics.iter().any(is_young) || !retries.wait().await {
                return Ok(topics);
            }
        }
    }

    /// Creates topics; says for each whether that succeeded.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if the brokers cannot (0.10.0), and as every request. An error that
    /// may have been executed after all says so: [`Error::maybe_written`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the topics may be created or not.
    pub async fn create_topics(
        &self,
        topics: impl IntoIterator<Item = NewTopic>,
    ) -> Result<Outcomes, Error> {
        rounds::run(&self.cluster, topics.into_iter().collect()).await
    }

    /// Deletes topics; says for each whether that succeeded.
    ///
    /// # Errors
    ///
    /// As [`create_topics`](Self::create_topics).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the topics may be deleted or not.
    pub async fn delete_topics<T: Into<String>>(
        &self,
        names: impl IntoIterator<Item = T>,
    ) -> Result<Outcomes, Error> {
        let names = names.into_iter().map(|name| Doomed(name.into())).collect();
        rounds::run(&self.cluster, names).await
    }

    /// What brokers say of these topics, or of all.
    async fn metadata(
        &self,
        names: Option<Vec<String>>,
        deadline: Instant,
    ) -> Result<Picture, Error> {
        let make = move |version| question(names.as_deref(), Creation::Never, version);
        let mut retries = Retries::new(&self.cluster, deadline);
        loop {
            let (_, answer) = ask(&self.cluster, &Target::Any, deadline, make.clone()).await?;
            let Err(error) = usable(&answer, "any broker") else {
                return Ok(Picture::of(&answer));
            };
            if error.is_told_to_start_over() {
                self.cluster.recover();
            }
            if !error.is_retriable() || !retries.wait().await {
                return Err(error);
            }
        }
    }

    fn described(&self, picture: &Picture, name: &str) -> Result<Arc<Topic>, Error> {
        let missing = || Error::UnknownTopic { topic: name.into(), partition: None };
        let topic = picture.topic(name).ok_or_else(missing)?;
        match topic.error {
            code if code.is_ok() => Ok(Arc::clone(topic)),
            code if means_missing(code) => Err(missing()),
            code => {
                let error = Error::broker(ApiKey::METADATA, code, About::topic(name));
                Err(error.seen_as(self.cluster.config().principal().as_ref()))
            }
        }
    }
}

impl Operation for NewTopic {
    type Request = CreateTopicsRequest;

    fn topic(&self) -> &str {
        &self.name
    }

    fn request(these: &[Self], version: i16, timeout_ms: i32) -> CreateTopicsRequest {
        let topics = these.iter().map(|topic| topic.creatable(version)).collect();
        CreateTopicsRequest { topics, timeout_ms, ..Default::default() }
    }

    fn read(response: CreateTopicsResponse) -> Vec<Said> {
        let topics = response.topics.into_iter();
        topics
            .map(|t| Said { topic: Some(t.name), code: t.error_code, message: t.error_message })
            .collect()
    }
}

impl NewTopic {
    fn creatable(&self, version: i16) -> CreatableTopic {
        // From version 4 on, -1 asks for the broker's default (KIP-464).
        let unset = if version >= 4 { -1 } else { 1 };
        let by_hand = !self.replicas.is_empty();
        let assignment = |(index, broker_ids): (usize, &Vec<i32>)| CreatableReplicaAssignment {
            partition_index: i32::try_from(index).unwrap_or(i32::MAX),
            broker_ids: broker_ids.clone(),
        };
        let config = |(name, value): &(String, String)| CreatableTopicConfig {
            name: name.into(),
            value: Some(value.into()),
        };
        CreatableTopic {
            name: self.name.as_str().into(),
            num_partitions: if by_hand { -1 } else { self.partitions.unwrap_or(unset) },
            replication_factor: match by_hand {
                true => -1,
                false => self.replication_factor.unwrap_or(if version >= 4 { -1 } else { 1 }),
            },
            assignments: self.replicas.iter().enumerate().map(assignment).collect(),
            configs: self.configs.iter().map(config).collect(),
        }
    }
}

/// A topic that shall be deleted.
#[derive(Clone, Debug)]
struct Doomed(String);

impl Operation for Doomed {
    type Request = DeleteTopicsRequest;

    fn topic(&self) -> &str {
        &self.0
    }

    fn request(these: &[Self], version: i16, timeout_ms: i32) -> DeleteTopicsRequest {
        let names = these.iter().map(|doomed| doomed.0.as_str());
        if version < 6 {
            let topic_names = names.map(Into::into).collect();
            return DeleteTopicsRequest { topic_names, timeout_ms, ..Default::default() };
        }
        let state = |name: &str| DeleteTopicState { name: Some(name.into()), ..Default::default() };
        DeleteTopicsRequest { topics: names.map(state).collect(), timeout_ms, ..Default::default() }
    }

    fn read(response: DeleteTopicsResponse) -> Vec<Said> {
        let topics = response.responses.into_iter();
        topics
            .map(|t| Said { topic: t.name, code: t.error_code, message: t.error_message })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use kurier_protocol::{Message, encode};

    use super::*;

    #[test]
    fn every_request_can_be_written_in_every_version() {
        let new = NewTopic::new("a").partitions(3).config("retention.ms", "1");
        let assigned = NewTopic::new("b").replicas([vec![1, 2], vec![2, 1]]);
        let create = |v| NewTopic::request(&[new.clone(), assigned.clone()], v, 1000);
        let delete = |v| Doomed::request(&[Doomed("a".into())], v, 1000);
        for version in CreateTopicsRequest::VERSIONS {
            encode(&create(version), version).unwrap();
        }
        for version in DeleteTopicsRequest::VERSIONS {
            encode(&delete(version), version).unwrap();
        }
    }

    #[test]
    fn defaults_are_the_brokers_where_it_can_be_asked_for_them() {
        let at = |version| {
            let topic = NewTopic::new("a").creatable(version);
            (topic.num_partitions, topic.replication_factor)
        };
        assert_eq!(at(3), (1, 1));
        assert_eq!(at(4), (-1, -1));
    }
}
