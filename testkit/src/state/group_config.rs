//! Core: settings of single groups, which prevail over those of the brokers (KIP-848).

use std::collections::BTreeMap;

use kurier_protocol::release::Release;

use super::broker_config::objection;
use super::settings::Settings;
use crate::group::GroupSettings;

/// What a group is set to, by Kafka's names.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupConfig {
    texts: BTreeMap<&'static str, String>,
}

impl GroupConfig {
    /// Changes one setting, or takes it back.
    ///
    /// # Errors
    ///
    /// Kafka has no setting of this name, or the value is not one that it takes: a sentence for
    /// the answer.
    pub(crate) fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        let row = ROWS.iter().find(|row| row.name == name);
        match (row, value) {
            (Some(row), Some(value)) => {
                if let Some(reason) = objection(row.broker_name, value) {
                    return Err(format!(
                        "Invalid value {value} for configuration {name}: {reason}"
                    ));
                }
                self.texts.insert(row.name, value.to_owned());
                Ok(())
            }
            (Some(row), None) => {
                self.texts.remove(row.name);
                Ok(())
            }
            (None, Some(_)) => Err(format!("Unknown group config name: {name}")),
            // What was never set may be taken back, whatever it is.
            (None, None) => Ok(()),
        }
    }

    /// Checks that the settings fit those of the brokers, and each other.
    ///
    /// # Errors
    ///
    /// They do not: a sentence for the answer.
    pub(crate) fn check(&self, settings: &Settings) -> Result<(), String> {
        for row in ROWS {
            let (least, most) = (row.range)(&settings.groups);
            let value = self.texts.get(row.name).and_then(|text| text.parse::<i32>().ok());
            if value.is_some_and(|value| !(least..=most).contains(&value)) {
                let name = row.name;
                return Err(format!("{name} must be in the range {least} to {most} inclusive."));
            }
        }
        let groups = self.applied(settings);
        let heartbeat = u128::try_from(groups.consumer_heartbeat_ms).unwrap_or(0);
        if !self.texts.is_empty() && groups.consumer_session.as_millis() <= heartbeat {
            return Err(format!("{SESSION} must be greater than {HEARTBEAT}"));
        }
        Ok(())
    }

    /// The settings of the brokers with those of the group in their place.
    pub(crate) fn applied(&self, settings: &Settings) -> GroupSettings {
        let mut own = settings.clone();
        for row in ROWS {
            if let Some(text) = self.texts.get(row.name) {
                // Invariant: what is kept was checked by the same rules.
                own.set(row.broker_name, text).expect("a setting that was checked");
            }
        }
        own.groups
    }

    /// Whether nothing is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// All settings that a release shows: name, what was set, what it is called of brokers.
    pub(crate) fn all(
        &self,
        release: Release,
    ) -> impl Iterator<Item = (&'static str, Option<&String>, &'static str)> {
        let shown = ROWS.iter().filter(move |row| release >= row.since);
        shown.map(|row| (row.name, self.texts.get(row.name), row.broker_name))
    }
}

/// A setting that a group may have by itself.
struct Row {
    name: &'static str,
    broker_name: &'static str,
    range: fn(&GroupSettings) -> (i32, i32),
    since: Release,
}

const HEARTBEAT: &str = "consumer.heartbeat.interval.ms";
const SESSION: &str = "consumer.session.timeout.ms";

/// In the order of their names. Those of share and streams groups are not here, as the groups are
/// not.
const ROWS: &[Row] = &[
    Row {
        name: "consumer.assignment.interval.ms",
        broker_name: "group.consumer.assignment.interval.ms",
        range: |groups| groups.consumer_assignment_range,
        since: Release::V4_4,
    },
    Row {
        name: HEARTBEAT,
        broker_name: "group.consumer.heartbeat.interval.ms",
        range: |groups| groups.consumer_heartbeat_range,
        since: Release::V4_0,
    },
    Row {
        name: SESSION,
        broker_name: "group.consumer.session.timeout.ms",
        range: |groups| groups.consumer_session_range,
        since: Release::V4_0,
    },
];
