//! Core: the addresses that brokers advertise: do they lead to them from here?

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use kurier_client::net::{Address, Stage};

use super::facts::{Facts, Listener, Unknown, Way};
use super::finding::{Check, Finding, Status};
use super::reach::failure;
use super::told::list;

/// What there is to say of the brokers' listeners, each by itself.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut owners: BTreeMap<&Address, Vec<i32>> = BTreeMap::new();
    for listener in &facts.listeners {
        owners.entry(&listener.way.to).or_default().push(listener.broker);
    }
    let from: Vec<&Way> = facts.servers.iter().map(|server| &server.way).collect();
    let of_one = |listener: &Listener| {
        let about = format!("broker {}", listener.broker);
        let others = owners.get(&listener.way.to).map_or(&[][..], Vec::as_slice);
        match wrong(listener, &from, others, facts) {
            Some(said) => Finding::wrong(Check::Listener, about, said),
            None if listener.way.met.is_none() => {
                Finding::not_known(Check::Listener, about, Unknown::TIME.0)
            }
            None => well(listener, about),
        }
    };
    // Brokers of one address are told of by the first of them.
    let is_first = |listener: &&Listener| {
        let of_address = owners.get(&listener.way.to).and_then(|owners| owners.first());
        listener.way.to.port == 0 || of_address == Some(&listener.broker)
    };
    folded(facts.listeners.iter().filter(is_first).map(of_one))
}

/// The first few of each status, and one finding for the others of it.
fn folded(all: impl Iterator<Item = Finding>) -> Vec<Finding> {
    let (mut shown, mut more) = (Vec::new(), BTreeMap::<Status, Vec<Finding>>::new());
    let mut counts = BTreeMap::new();
    for finding in all {
        let count = counts.entry(finding.status).or_insert(0);
        *count += 1;
        match *count <= LINES_MAX {
            true => shown.push(finding),
            false => more.entry(finding.status).or_default().push(finding),
        }
    }
    for (status, others) in more {
        let about = list(others.iter().map(|finding| &finding.about));
        let found = format!("{}, too", status.word());
        shown.push(Finding { status, ..Finding::ok(Check::Listener, about, found) });
    }
    shown
}

/// So many brokers of one status have lines of their own.
const LINES_MAX: usize = 10;

fn well(listener: &Listener, about: String) -> Finding {
    let at = &listener.way.to;
    let found = match (&listener.is_it, &listener.cluster_id) {
        (Ok(_), _) => return Finding::ok(Check::Listener, about, format!("{at} leads to it")),
        (Err(why), Err(_)) => format!("{at} leads to a broker; whether to this one: {}", why.0),
        (Err(why), Ok(_)) => {
            format!("{at} leads to a broker of this cluster; whether to this one: {}", why.0)
        }
    };
    Finding::not_known(Check::Listener, about, found)
}

/// What is wrong with an address, and how to mend it.
fn wrong(
    listener: &Listener,
    from: &[&Way],
    owners: &[i32],
    facts: &Facts,
) -> Option<(String, String)> {
    let (id, at) = (listener.broker, &listener.way.to);
    let set = |what: &str| format!("set advertised.listeners of broker {id} to {what}");
    let ports = facts.cluster.as_ref().ok().map(|cluster| &cluster.impossible);
    if let Some(port) = ports.and_then(|ports| ports.get(&id)) {
        let found = format!("it advertises port {port} of {}, and there is no such port", at.host);
        return Some((found, set("an address with a port between 1 and 65535")));
    }
    if is_unspecified(at) {
        let found = format!("it advertises {at}, which is no address to connect to");
        return Some((found, set("the name or address by which clients reach it")));
    }
    if owners.len() > 1 {
        let others: Vec<_> = owners.iter().filter(|other| **other != id).collect();
        let verb = if others.len() == 1 { "does broker" } else { "do brokers" };
        let found = format!("it advertises {at}, and so {verb} {}", list(others));
        return Some((found, set("an address of its own")));
    }
    // This machine is not the broker's, or it would have been reached as such.
    if is_loopback(at) && from.iter().all(|way| !is_local(way)) {
        let found = format!("it advertises {at}, which from here is this machine");
        return Some((found, set("the name or address by which clients reach it")));
    }
    if let Some(((found, fix), stage)) = failure(&listener.way) {
        let hint = match stage {
            Stage::Connect => hint(at, from).unwrap_or_default(),
            _ => "",
        };
        let found = format!("it advertises {at}{hint}: {found}");
        let fix = match stage {
            Stage::Connect => format!(
                "start broker {id} if it is down; else {}",
                set("a name that this machine can resolve and a port that it can reach")
            ),
            _ => format!("{fix}; or {}", set("the listener that is meant for this client")),
        };
        return Some((found, fix));
    }
    let own = facts.cluster.as_ref().ok().and_then(|cluster| cluster.id.as_ref());
    if let (Ok(Some(theirs)), Some(own)) = (&listener.cluster_id, own)
        && theirs != own
    {
        let found = format!("it advertises {at}, where a broker of cluster {theirs} answers");
        return Some((found, set("its own address, or mend the name or port forwarding")));
    }
    if let Ok(Err(other)) = &listener.is_it {
        let found = format!("it advertises {at}, where another broker answers: {other}");
        return Some((found, set("its own address, or mend the name or port forwarding")));
    }
    None
}

/// Why clients like this one may not be meant by an address.
fn hint(at: &Address, from: &[&Way]) -> Option<&'static str> {
    match ip(at) {
        None if !at.host.contains('.') && !is_loopback(at) => {
            Some(", a name of the brokers' own network")
        }
        Some(ip) if is_private(ip) && !from.iter().any(|way| way_has(way, is_private)) => {
            Some(", an address of a private network")
        }
        _ => None,
    }
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback(),
    }
}

fn ip(address: &Address) -> Option<IpAddr> {
    address.host.parse().ok()
}

fn is_unspecified(address: &Address) -> bool {
    ip(address).is_some_and(|ip| ip.is_unspecified())
}

fn is_loopback(address: &Address) -> bool {
    let v4 = |ip: Ipv4Addr| ip.is_loopback();
    match ip(address) {
        Some(IpAddr::V4(ip)) => v4(ip),
        Some(IpAddr::V6(ip)) => ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(v4),
        None => address.host.eq_ignore_ascii_case("localhost"),
    }
}

/// Whether a bootstrap server is this machine, as far as its name or addresses tell.
fn is_local(way: &Way) -> bool {
    is_loopback(&way.to) || way_has(way, |ip| ip.is_loopback())
}

/// Whether an address of a bootstrap server is like this.
fn way_has(way: &Way, is_like: impl Fn(IpAddr) -> bool) -> bool {
    let resolved = way.resolved.as_ref().and_then(|resolved| resolved.as_ref().ok());
    resolved.is_some_and(|found| found.iter().any(|at| is_like(at.ip())))
}
