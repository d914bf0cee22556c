//! Partitions: more of them.

use kurier_protocol::api::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
};

use super::handle::Admin;
use super::rounds::{self, Operation, Outcomes, Said};
use crate::error::Error;

impl Admin {
    /// Raises the numbers of partitions of topics to the ones given; says for each whether that
    /// succeeded. Keys go to other partitions from then on.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if the brokers cannot (before 1.0), and as every request.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the partitions may be created or not.
    pub async fn create_partitions<T: Into<String>>(
        &self,
        counts: impl IntoIterator<Item = (T, i32)>,
    ) -> Result<Outcomes, Error> {
        let counts = counts.into_iter().map(|(topic, count)| Growth { topic: topic.into(), count });
        rounds::run(&self.cluster, counts.collect()).await
    }
}

/// A topic that shall have more partitions.
#[derive(Clone, Debug)]
struct Growth {
    topic: String,
    count: i32,
}

impl Operation for Growth {
    type Request = CreatePartitionsRequest;

    fn topic(&self) -> &str {
        &self.topic
    }

    fn request(these: &[Self], _: i16, timeout_ms: i32) -> CreatePartitionsRequest {
        let topic = |growth: &Self| CreatePartitionsTopic {
            name: growth.topic.as_str().into(),
            count: growth.count,
            // Null: the controller chooses the brokers.
            assignments: None,
        };
        let topics = these.iter().map(topic).collect();
        CreatePartitionsRequest { topics, timeout_ms, ..Default::default() }
    }

    fn read(response: CreatePartitionsResponse) -> Vec<Said> {
        let results = response.results.into_iter();
        results
            .map(|t| Said { topic: Some(t.name), code: t.error_code, message: t.error_message })
            .collect()
    }
}
