//! Core: the way to the bootstrap servers: names, connections, encryption, protocol, login.

use std::net::SocketAddr;

use kurier_client::error::{Cause, Day};
use kurier_client::net::{Stage, Step};

use super::facts::{Client, Facts, Unknown, Way};
use super::finding::{Check, Finding};
use super::told::{self, Told, duration, list};
use super::trust;

/// What there is to say of the bootstrap servers, each by itself.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    facts.servers.iter().flat_map(|server| of_way(&server.way, facts)).collect()
}

fn of_way(way: &Way, facts: &Facts) -> Vec<Finding> {
    let client = &facts.client;
    let addresses = match &way.resolved {
        None => return vec![Finding::not_known(Check::Name, &way.to, Unknown::TIME.0)],
        Some(Err(cause)) => {
            return vec![Finding::wrong(Check::Name, &way.to, told::cause(cause, Stage::Connect))];
        }
        Some(Ok(addresses)) => addresses,
    };
    let ips = list(addresses.iter().map(SocketAddr::ip));
    let mut findings = vec![Finding::ok(Check::Name, &way.to, ips)];
    match of_connection(way) {
        Some(finding) => findings.push(finding),
        None => findings.push(Finding::not_known(Check::Connection, &way.to, Unknown::TIME.0)),
    }
    let Some((at, steps)) = furthest(way) else { return findings };
    for step in steps.iter().filter(|step| step.stage != Stage::Connect) {
        let check = check_of(step.stage);
        match &step.outcome {
            Err(cause) => {
                findings.push(Finding::wrong(check, &way.to, told::cause(cause, step.stage)));
            }
            Ok(()) => {
                let found = went_well(step, way, client, *at);
                let doubts = match step.stage {
                    Stage::Encrypt => trust::of_certificate(way, facts),
                    Stage::Login => trust::of_login(client),
                    Stage::Connect | Stage::Versions => Vec::new(),
                };
                if doubts.is_empty() {
                    findings.push(Finding::ok(check, &way.to, found));
                    continue;
                }
                let warning = |(doubt, fix): Told| {
                    Finding::warning(check, &way.to, (format!("{found}; {doubt}"), fix))
                };
                findings.extend(doubts.into_iter().map(warning));
            }
        }
    }
    findings
}

/// The attempt that came furthest.
fn furthest(way: &Way) -> Option<&(SocketAddr, Vec<Step>)> {
    // Of those that came equally far, the first.
    way.tried.iter().rev().max_by_key(|(_, steps)| reached(steps))
}

/// How many stages went well.
fn reached(steps: &[Step]) -> usize {
    steps.iter().filter(|step| step.outcome.is_ok()).count()
}

/// One finding for the TCP connections to all addresses of a host.
fn of_connection(way: &Way) -> Option<Finding> {
    let connects = way.tried.iter().filter_map(|(at, steps)| Some((at, steps.first()?)));
    let (made, failed): (Vec<_>, Vec<_>) = connects.partition(|(_, step)| step.outcome.is_ok());
    let failure = |(at, step): &(&SocketAddr, &Step)| Some((**at, step.outcome.clone().err()?));
    let failures: Vec<(SocketAddr, Cause)> = failed.iter().filter_map(failure).collect();
    let (about, check) = (&way.to, Check::Connection);
    let Some((at, step)) = made.first() else {
        return failures.first().map(|(_, cause)| {
            let (found, fix) = told::cause(cause, Stage::Connect);
            let found = match failures.len() {
                1 => found,
                _ => format!("{found} (at {})", list(failures.iter().map(|(at, _)| at.ip()))),
            };
            Finding::wrong(check, about, (found, fix))
        });
    };
    let found = format!("{at} in {}", duration(step.took));
    // A refusal costs a client nothing: it takes the next address.
    let slow: Vec<_> = failures.iter().filter(|(_, cause)| is_slow(cause)).collect();
    Some(match slow.first() {
        None => Finding::ok(check, about, found),
        Some((_, cause)) => {
            let why = told::cause(cause, Stage::Connect).0;
            let dead = list(slow.iter().map(|(at, _)| at.ip()));
            let found = format!("{found}, after {dead} had been tried: {why}");
            let fix = "take the dead address out of the name, or set broker.address.family";
            Finding::warning(check, about, (found, fix))
        }
    })
}

fn is_slow(cause: &Cause) -> bool {
    matches!(cause, Cause::SetupTimedOut(_))
}

fn check_of(stage: Stage) -> Check {
    match stage {
        Stage::Connect => Check::Connection,
        Stage::Encrypt => Check::Tls,
        Stage::Versions => Check::Protocol,
        Stage::Login => Check::Login,
    }
}

fn went_well(step: &Step, way: &Way, client: &Client, at: SocketAddr) -> String {
    let took = duration(step.took);
    match step.stage {
        Stage::Connect => format!("{at} in {took}"),
        Stage::Encrypt => match way.certificate_end {
            Some(end) => {
                format!("encrypted in {took} with a certificate that ends on {}", Day(end))
            }
            None => format!("encrypted in {took}"),
        },
        Stage::Versions => match way.met.as_ref().and_then(|met| met.release) {
            Some(release) => format!("speaks Kafka's protocol as Kafka {release} does"),
            None => "speaks Kafka's protocol".to_owned(),
        },
        Stage::Login => {
            let mechanism = client.mechanism.unwrap_or("SASL");
            match &client.user {
                Some(user) => format!("logged in as {user} by {mechanism} in {took}"),
                None => format!("logged in by {mechanism} in {took}"),
            }
        }
    }
}

/// Why a way leads nowhere; none if it leads to a broker, or that is not known.
pub(super) fn failure(way: &Way) -> Option<(Told, Stage)> {
    if way.met.is_some() {
        return None;
    }
    if let Some(Err(cause)) = &way.resolved {
        return Some((told::cause(cause, Stage::Connect), Stage::Connect));
    }
    let last = furthest(way)?.1.last()?;
    let cause = last.outcome.as_ref().err()?;
    Some((told::cause(cause, last.stage), last.stage))
}
