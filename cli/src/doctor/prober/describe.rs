//! Questions about the cluster and about settings.

use std::collections::BTreeMap;

use kurier_client::net::Address;
use kurier_protocol::ErrorCode;
use kurier_protocol::api::describe_cluster::DescribeClusterRequest;
use kurier_protocol::api::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResult,
};
use kurier_protocol::api::metadata::{MetadataRequest, MetadataResponse};

use super::contacts::{Contacts, Link};
use crate::doctor::facts::{Cluster, Known, Listener, Settings, Unknown};

/// The cluster as a broker describes it.
pub(super) async fn cluster(contact: &mut Link) -> Known<Cluster> {
    let asked = contact.ask(0..=i16::MAX, |version| MetadataRequest {
        // None; in version 0, which cannot say that, all.
        topics: Some(Vec::new()),
        allow_auto_topic_creation: version < 4,
        ..Default::default()
    });
    let (_, answer) = asked.await?;
    read_cluster(&answer)
}

fn read_cluster(answer: &MetadataResponse) -> Known<Cluster> {
    if !answer.error_code.is_ok() {
        return Err(Unknown::new(format!("brokers answer {} to Metadata", answer.error_code)));
    }
    if answer.brokers.is_empty() {
        return Err(Unknown::new("its metadata names no brokers"));
    }
    let port = |port: i32| u16::try_from(port).ok().filter(|port| *port > 0);
    let place = |broker: &kurier_protocol::api::metadata::MetadataResponseBroker| {
        let port = port(broker.port).unwrap_or(0);
        (broker.node_id, Address::new(&*broker.host, port))
    };
    let impossible = answer.brokers.iter().filter(|broker| port(broker.port).is_none());
    Ok(Cluster {
        id: answer.cluster_id.as_ref().map(ToString::to_string),
        controller: Some(answer.controller_id).filter(|id| *id >= 0),
        brokers: answer.brokers.iter().map(place).collect::<BTreeMap<_, _>>(),
        impossible: impossible.map(|broker| (broker.node_id, broker.port)).collect(),
    })
}

/// Brokers that are registered and that nobody is sent to.
pub(super) async fn fenced(contacts: &mut Contacts) -> Known<Vec<i32>> {
    let make = |_| DescribeClusterRequest {
        endpoint_type: BROKERS,
        include_fenced_brokers: true,
        ..Default::default()
    };
    let (_, answer) = contacts.ask(2..=i16::MAX, make).await?;
    if !answer.error_code.is_ok() {
        return Err(Unknown::new(format!("brokers answer {}", answer.error_code)));
    }
    let fenced = answer.brokers.iter().filter(|broker| broker.is_fenced);
    Ok(fenced.map(|broker| broker.broker_id).collect())
}

/// Asks whoever is behind a listener who it is. Gives the settings if it is who it should be.
pub(super) async fn identify(listener: &mut Listener, contact: &mut Link) -> Known<Settings> {
    listener.cluster_id = cluster(contact).await.map(|cluster| cluster.id);
    let names = [listener.broker.to_string()];
    let answer = contact.ask(0..=i16::MAX, |_| request(BROKER, &names, &BROKER_SETTINGS)).await;
    let result =
        answer.and_then(|(_, answer)| answer.results.into_iter().next().ok_or(Unknown::EMPTY));
    let result = &result.inspect_err(|why| listener.is_it = Err(why.clone()))?;
    let words = || words(result);
    listener.is_it = match result.error_code {
        ErrorCode::NONE => Ok(Ok(())),
        ErrorCode::INVALID_REQUEST => Ok(Err(words())),
        _ => Err(refused(result)),
    };
    match result.error_code {
        ErrorCode::NONE => Ok(settings(result)),
        _ => Err(refused(result)),
    }
}

/// The settings of whichever of these brokers answers: each knows only its own.
pub(super) async fn of_any_broker(contacts: &mut Contacts, ids: &[i32]) -> Known<Settings> {
    let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let make = |_| request(BROKER, &names, &BROKER_SETTINGS);
    let (_, answer) = contacts.ask(0..=i16::MAX, make).await?;
    let own = answer.results.iter().find(|result| result.error_code.is_ok());
    let why = || answer.results.first().map_or(Unknown::EMPTY, refused);
    own.map(settings).ok_or_else(why)
}

/// The settings of topics.
pub(super) async fn of_topics(
    contacts: &mut Contacts,
    names: &[String],
) -> Known<Vec<(String, Known<Settings>)>> {
    let make = |_| request(TOPIC, names, &TOPIC_SETTINGS);
    let (_, answer) = contacts.ask(0..=i16::MAX, make).await?;
    let each = |result: &DescribeConfigsResult| {
        let found = match result.error_code {
            ErrorCode::NONE => Ok(settings(result)),
            _ => Err(refused(result)),
        };
        (result.resource_name.to_string(), found)
    };
    let mut told: Vec<_> = answer.results.iter().map(each).collect();
    let missing =
        names.iter().filter(|name| answer.results.iter().all(|r| *r.resource_name != ***name));
    told.extend(missing.map(|name| (name.clone(), Err(Unknown::EMPTY))));
    Ok(told)
}

fn request(resource_type: i8, names: &[String], keys: &[&'static str]) -> DescribeConfigsRequest {
    let resource = |name: &String| DescribeConfigsResource {
        resource_type,
        resource_name: name.into(),
        configuration_keys: Some(keys.iter().map(|key| (*key).into()).collect()),
    };
    let resources = names.iter().map(resource).collect();
    DescribeConfigsRequest { resources, ..Default::default() }
}

fn settings(result: &DescribeConfigsResult) -> Settings {
    let told = result.configs.iter();
    let told = told.filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?)));
    told.map(|(name, value)| (name, value.to_string())).collect()
}

fn refused(result: &DescribeConfigsResult) -> Unknown {
    Unknown::new(match result.error_code {
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED => {
            "the user may not see brokers' settings (DescribeConfigs on the cluster)".to_owned()
        }
        ErrorCode::TOPIC_AUTHORIZATION_FAILED => {
            "the user may not see the topic's settings (DescribeConfigs)".to_owned()
        }
        _ => words(result),
    })
}

/// What the broker says, in its words if it has any.
fn words(result: &DescribeConfigsResult) -> String {
    match result.error_message.as_deref() {
        Some(words) if !words.is_empty() => words.trim_end_matches('.').to_owned(),
        _ => result.error_code.to_string(),
    }
}

const BROKERS: i8 = 1;
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

const BROKER_SETTINGS: [&str; 8] = [
    "auto.create.topics.enable",
    "num.partitions",
    "default.replication.factor",
    "min.insync.replicas",
    "offsets.topic.replication.factor",
    "transaction.max.timeout.ms",
    "transaction.state.log.replication.factor",
    "transaction.state.log.min.isr",
];

const TOPIC_SETTINGS: [&str; 3] =
    ["min.insync.replicas", "unclean.leader.election.enable", "message.timestamp.type"];
