//! Core: the topics of a cluster: found, made, changed, deleted.

use kurier_protocol::{ErrorCode, Str, Uuid};

use super::name::{check_topic_name, metric_name};
use super::partition::Partition;
use super::topic::{NewTopic, Topic};
use super::whole::State;
use crate::limits::PARTITIONS_MAX;
use crate::topic_config::TopicConfig;

impl State {
    /// All topics, by name.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (&Str, &Topic)> {
        self.topics.iter()
    }

    /// A topic by its name.
    pub(crate) fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    /// The name of a topic in memory of its own, if there is such a topic.
    pub(crate) fn known_name(&self, name: &str) -> Option<&Str> {
        self.topics.get_key_value(name).map(|(name, _)| name)
    }

    /// A topic by its name, to be changed.
    pub(crate) fn topic_mut(&mut self, name: &str) -> Option<&mut Topic> {
        let found = self.topics.get_mut(name)?;
        self.changes += 1;
        Some(found)
    }

    /// The name of the topic with this id.
    pub(crate) fn topic_name(&self, id: Uuid) -> Option<&Str> {
        self.group_topics.name(id)
    }

    /// The topic that a request means by an id or, in versions without ids, by a name.
    ///
    /// # Errors
    ///
    /// No topic has the id. A name is not looked up.
    pub(crate) fn resolve(&self, id: Uuid, name: &Str) -> Result<Str, ErrorCode> {
        if id.is_zero() && !name.is_empty() {
            return Ok(name.clone());
        }
        self.topic_name(id).cloned().ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
    }

    /// Checks whether a topic could be created, and gives it a place on the brokers.
    ///
    /// # Errors
    ///
    /// Why it cannot be created, as CreateTopics answers it.
    pub(crate) fn plan_topic(&self, new: &NewTopic<'_>) -> Result<Topic, (ErrorCode, String)> {
        check_topic_name(new.name)
            .map_err(|reason| (ErrorCode::INVALID_TOPIC_EXCEPTION, reason))?;
        if self.topics.contains_key(new.name) {
            let message = format!("Topic '{}' already exists.", new.name);
            return Err((ErrorCode::TOPIC_ALREADY_EXISTS, message));
        }
        if let Some(other) = self.metric_names.get(&metric_name(new.name)) {
            let message = format!("Topic '{}' collides with existing topic: {other}", new.name);
            return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, message));
        }
        let mut config = TopicConfig::new(self.settings.release);
        for (name, value) in new.configs {
            config.set(name, value).map_err(|reason| (ErrorCode::INVALID_CONFIG, reason))?;
        }
        let at = (self.topics_made, self.partitions_left());
        let replicas = new.place(&self.brokers, &self.settings, at)?;
        let alive = self.alive();
        let partitions = replicas.into_iter().map(|r| Partition::new(r, &alive)).collect();
        Ok(Topic { id: self.settings.topic_id(self.topics_made), config, partitions })
    }

    /// Adds a planned topic.
    pub(crate) fn add_topic(&mut self, name: &str, topic: Topic) {
        self.metric_names.insert(metric_name(name), name.into());
        self.group_topics.set(name, topic.id, topic.partitions.len());
        self.topics.insert(name.into(), topic);
        self.topics_made += 1;
        self.silence_all();
        self.changes += 1;
    }

    /// Deletes a topic and its records. Says whether there was one.
    pub(crate) fn remove_topic(&mut self, name: &str) -> bool {
        let is_gone = self.topics.remove(name).is_some();
        if is_gone {
            self.metric_names.remove(&metric_name(name));
        }
        self.changes += u64::from(is_gone);
        if is_gone {
            self.group_topics.remove(name);
            self.groups.delete_topic(name);
        }
        is_gone
    }

    /// Where further partitions of a topic would lie.
    ///
    /// # Errors
    ///
    /// As CreatePartitions answers.
    pub(crate) fn place_more(
        &self,
        new: &NewTopic<'_>,
        from: usize,
    ) -> Result<Vec<Vec<i32>>, (ErrorCode, String)> {
        new.place(&self.brokers, &self.settings, (from as u64, self.partitions_left()))
    }

    /// How many more partitions the cluster may have.
    fn partitions_left(&self) -> usize {
        PARTITIONS_MAX.saturating_sub(self.group_topics.partitions())
    }

    /// Adds partitions to a topic.
    pub(crate) fn add_partitions(&mut self, name: &str, replicas: Vec<Vec<i32>>) {
        let alive = self.alive();
        if let Some(topic) = self.topics.get_mut(name) {
            topic.partitions.extend(replicas.into_iter().map(|r| Partition::new(r, &alive)));
            self.group_topics.set(name, topic.id, topic.partitions.len());
            self.silence_all();
            self.changes += 1;
        }
    }
}
