//! Core: what brokers do by themselves, and what the client asks of them when it writes.

use kurier_client::Acks;

use super::command;
use super::facts::{Facts, told};
use super::finding::{Check, Finding};
use super::topics::AUTO_CREATE;

/// What there is to say of topics to come, and of the client's acks.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    vec![auto_create(facts), acks(facts.client.acks)]
}

fn auto_create(facts: &Facts) -> Finding {
    let (check, about) = (Check::AutoCreate, "brokers");
    let settings = match &facts.broker_settings {
        Ok(settings) => settings,
        Err(why) => return Finding::not_known(check, about, why.0.clone()),
    };
    let copies = settings.get("default.replication.factor").map_or("1", String::as_str);
    match told(settings, AUTO_CREATE) {
        Err(why) => Finding::not_known(check, about, why.0),
        Ok("true") if copies == "1" && facts.broker_count() > Some(1) => {
            let found = "on, with default.replication.factor=1: a topic, or a misspelt name, \
                         becomes one of a single copy";
            let fix = format!(
                "set auto.create.topics.enable=false, or default.replication.factor={}, in the \
                 brokers' server.properties",
                command::copies(facts)
            );
            Finding::warning(check, about, (found, fix))
        }
        Ok("true") => Finding::ok(check, about, "on: who asks for a topic creates it"),
        Ok(_) => Finding::ok(check, about, "off: topics must be created before they are used"),
    }
}

fn acks(acks: Acks) -> Finding {
    let (check, about) = (Check::Acks, "this client");
    let fix = "set acks=all";
    match acks {
        Acks::All => Finding::ok(check, about, "acks=all: it waits for all replicas in sync"),
        Acks::Leader => {
            let found = "acks=1: a record is lost if its leader dies before it was copied";
            Finding::warning(check, about, (found, fix))
        }
        Acks::None => {
            let found = "acks=0: a record that is refused or lost on the way is lost silently";
            Finding::warning(check, about, (found, fix))
        }
    }
}
