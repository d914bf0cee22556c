//! Reads a broker's clock off a record that it stamps.

use kurier_env::Env;
use kurier_protocol::ErrorCode;

use super::contacts::Contacts;
use super::topics::produce;
use crate::doctor::facts::{Clock, Facts, Known, Unknown};

/// Writes one record to the topic, if its broker stamps records, and compares the clocks.
pub(super) async fn clock(
    facts: &Facts,
    contacts: &mut Contacts,
    env: &Env,
    topic: &str,
) -> Known<Clock> {
    let settings = facts.topic_settings.get(topic).and_then(|known| known.as_ref().ok());
    let stamped_by = settings.and_then(|settings| settings.get("message.timestamp.type"));
    if stamped_by.is_some_and(|by| by != "LogAppendTime") {
        return Err(CREATE_TIME);
    }
    let topics = facts.topics.as_ref().map_err(Clone::clone)?;
    let known = topics.iter().find(|known| known.name == topic && known.error.is_ok());
    let known = known.ok_or_else(|| Unknown::new(format!("there is no topic {topic}")))?;
    let led = known.partitions.iter().find_map(|p| Some((p.index, p.leader?)));
    let (index, broker) = led.ok_or(Unknown::of("none of its partitions has a leader"))?;
    let contact = contacts.broker(broker, "the leader of its partition")?;
    let before = env.wall_millis();
    let make = |version| produce(topic, index, version, before);
    // From version 2 on the answer says the time; by version 12 topics have names.
    let (_, answer) = contact.ask(2..=12, make).await?;
    let after = env.wall_millis();
    let mut partitions = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
    let partition = partitions.next().ok_or(Unknown::of("the answer has no result"))?;
    match (partition.error_code, partition.log_append_time_ms) {
        (ErrorCode::NONE, -1) => Err(CREATE_TIME),
        (ErrorCode::NONE, stamped) => {
            // A broker's clock is read to the millisecond, as ours is.
            let uncertain_ms = (after - before).abs() / 2 + 1;
            Ok(Clock { broker, ahead_ms: stamped - i64::midpoint(before, after), uncertain_ms })
        }
        (code, _) => Err(Unknown::new(format!("the broker answers {code} to a record"))),
    }
}

const CREATE_TIME: Unknown =
    Unknown::of("the topic keeps the times of its writers (message.timestamp.type=CreateTime)");
