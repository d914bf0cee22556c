//! Core: the commands that fixes name, whole, so that they can be pasted into a shell.

use std::borrow::Cow;

use super::facts::Facts;

/// A command of Kafka's own, to the same cluster with the same file of properties.
pub(super) fn kafka(script: &str, facts: &Facts, words: &str) -> String {
    let file = option(" --command-config ", facts);
    format!("{script} --bootstrap-server {}{file} {words}", servers(facts))
}

/// The command that changes a setting of a topic.
pub(super) fn alter(facts: &Facts, topic: &str, setting: &str) -> String {
    let words =
        format!("--alter --entity-type topics --entity-name {topic} --add-config {setting}");
    kafka("kafka-configs.sh", facts, &words)
}

/// The command that creates a topic.
pub(super) fn create(facts: &Facts, topic: &str) -> String {
    let settings = facts.broker_settings.as_ref().ok();
    let partitions = settings.and_then(|settings| settings.get("num.partitions"));
    let partitions = partitions.filter(|text| text.parse::<u32>().is_ok_and(|count| count > 0));
    format!(
        "kurier -b {}{} topic create {topic} -p {} -r {}",
        servers(facts),
        option(" -F ", facts),
        partitions.map_or("1", String::as_str),
        copies(facts)
    )
}

/// How many copies of a record are enough, where the cluster has the brokers for them.
pub(super) fn copies(facts: &Facts) -> usize {
    facts.broker_count().unwrap_or(COPIES).clamp(1, COPIES)
}

/// A word as shells take it for one.
pub(super) fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/:,=@%+".contains(letter);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")).into(),
    }
}

fn servers(facts: &Facts) -> String {
    let servers = facts.servers.iter().take(SERVERS_MAX).map(|server| server.way.to.to_string());
    quoted(&servers.collect::<Vec<_>>().join(",")).into_owned()
}

fn option(name: &str, facts: &Facts) -> String {
    let file = facts.client.config_file.as_ref();
    file.map_or(String::new(), |file| format!("{name}{}", quoted(file)))
}

/// What Kafka's documentation advises.
const COPIES: usize = 3;
/// Bootstrap servers that a command names.
const SERVERS_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_take_it_apart() {
        assert_eq!(quoted("kafka-1:9092,b_2:9093"), "kafka-1:9092,b_2:9093");
        assert_eq!(quoted("User:CN=a, O=b"), "'User:CN=a, O=b'");
        assert_eq!(quoted("[::1]:9092"), "'[::1]:9092'");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
