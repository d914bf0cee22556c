//! What all parts of a client share.

use super::super::parse::{
    Parsed, bytes, millis, millis_from, millis_or_never, number, one_of, switch,
};
use super::row::{Setting, ms, word};
use crate::config::AddressFamily;

settings! {
    "bootstrap.servers" "metadata.broker.list":
        "Where the cluster can be found: `host:port`, several with commas between them",
        |p| p.servers.join(",") => |p, v| p.servers = list(v)?;
    "client.id": "What the client calls itself in the brokers' logs and quotas",
        |p| p.client.client_id.clone() => |p, v| p.client.client_id = v.to_owned();
    "request.timeout.ms" "socket.timeout.ms":
        "How long an answer may take; then its connection is closed",
        |p| ms(p.client.request_timeout) => |p, v| p.set_request_timeout(millis_from(1, v)?);
    "socket.connection.setup.timeout.ms":
        "How long looking up a broker's name, connecting to one of its addresses, and logging in \
         may take, each",
        |p| ms(p.client.dial.setup_timeout)
        => |p, v| p.client.dial.setup_timeout = millis_from(1, v)?;
    "socket.connection.setup.timeout.max.ms": "What that time doubles to with each try that failed",
        |p| ms(p.client.dial.setup_timeout_max)
        => |p, v| p.client.dial.setup_timeout_max = millis_from(1, v)?;
    "client.dns.lookup":
        "Only use_all_dns_ips, and its old name default: every address of a name is tried",
        |_| "use_all_dns_ips".to_owned() => |_p, v| lookup(v)?;
    "broker.address.family": "Which addresses of a broker may be used: any, v4, v6",
        |p| word(FAMILIES, p.client.dial.address_family)
        => |p, v| p.client.dial.address_family = one_of(v, FAMILIES)?;
    "receive.buffer.bytes" "socket.receive.buffer.bytes":
        "The system's buffer for what was received; -1 or 0 leaves it to the system",
        |_| "-1".to_owned() => |p, v| p.client.dial.socket.receive_bytes = system_bytes(v)?;
    "send.buffer.bytes" "socket.send.buffer.bytes":
        "The system's buffer for what is sent; -1 or 0 leaves it to the system",
        |_| "-1".to_owned() => |p, v| p.client.dial.socket.send_bytes = system_bytes(v)?;
    "socket.keepalive.enable": "Whether the system asks a silent broker if it is still there",
        |p| p.client.dial.socket.keepalive.to_string()
        => |p, v| p.client.dial.socket.keepalive = switch(v)?;
    "socket.nagle.disable": "Whether small pieces are sent at once",
        |p| p.client.dial.socket.no_delay.to_string()
        => |p, v| p.client.dial.socket.no_delay = switch(v)?;
    "metadata.recovery.strategy":
        "What to do when no known broker can be reached: rebootstrap, none",
        |p| word(STRATEGIES, p.client.recovery.rebootstrap)
        => |p, v| p.client.recovery.rebootstrap = one_of(v, STRATEGIES)?;
    "metadata.recovery.rebootstrap.trigger.ms":
        "How long known brokers may give no metadata before the bootstrap servers are asked",
        |p| ms(p.client.recovery.rebootstrap_after)
        => |p, v| p.client.recovery.rebootstrap_after = millis(v)?;
    "metadata.cluster.check.enable":
        "Whether brokers are told which broker of which cluster is wanted",
        |p| p.client.recovery.cluster_check.to_string()
        => |p, v| p.client.recovery.cluster_check = switch(v)?;
    "connections.max.idle.ms":
        "How long a connection may be without use before it is closed; -1 and 0 for never",
        |p| ms(p.client.connection_idle_max) => |p, v| {
        p.client.connection_idle_max = millis_or_never(v, &["-1", "0"])?;
    };
    "reconnect.backoff.ms": "How long to wait before the second try to connect; 0 for no wait",
        |p| ms(p.client.dial.backoff) => |p, v| p.client.dial.backoff = millis(v)?;
    "reconnect.backoff.max.ms": "What that wait at most doubles to",
        |p| ms(p.client.dial.backoff_max)
        => |p, v| p.client.dial.backoff_max = millis(v)?;
    "retry.backoff.ms":
        "How long to wait before a request is sent a second time; 0 for no wait",
        |p| ms(p.client.retry_backoff) => |p, v| p.client.retry_backoff = millis(v)?;
    "retry.backoff.max.ms": "What that wait at most doubles to",
        |p| ms(p.client.retry_backoff_max) => |p, v| p.client.retry_backoff_max = millis(v)?;
    "metadata.max.age.ms" "topic.metadata.refresh.interval.ms":
        "How old metadata may become before it is asked for again; -1 for any age",
        |p| ms(p.client.metadata_age_max) => |p, v| {
        p.client.metadata_age_max = millis_or_never(v, &["-1"])?;
    };
    "topic.metadata.propagation.max.ms":
        "How long a topic that the brokers do not know is asked for",
        |p| ms(p.client.topic_wait) => |p, v| p.client.topic_wait = millis_from(1, v)?;
    "metrics.sample.window.ms": "How long a window is of which metrics are rates and averages",
        |p| ms(p.client.metrics.sample_window)
        => |p, v| p.client.metrics.sample_window = millis_from(1, v)?;
    "metrics.num.samples": "How many such windows count: 1 to 1000",
        |p| p.client.metrics.sample_count.to_string()
        => |p, v| p.client.metrics.sample_count = count(v)?;
    "receive.message.max.bytes":
        "The longest answer that is accepted, unless a request allowed more",
        |p| p.client.frame_bytes_max.to_string() => |p, v| p.client.frame_bytes_max = bytes(v)?;
}

/// A size of which 0 and -1 mean that the system decides.
fn system_bytes(text: &str) -> Parsed<Option<u32>> {
    if text == "-1" {
        return Ok(None);
    }
    let bytes = number(text, 0, i32::MAX as u64)?;
    Ok(u32::try_from(bytes).ok().filter(|bytes| *bytes > 0))
}

fn count(text: &str) -> Parsed<u32> {
    number(text, 1, 1000).map(|count| u32::try_from(count).unwrap_or(1))
}

/// How names become addresses; names that addresses have are not asked for (decision 14).
fn lookup(text: &str) -> Parsed<()> {
    match text.to_ascii_lowercase().as_str() {
        "use_all_dns_ips" | "default" => Ok(()),
        "resolve_canonical_bootstrap_servers_only" => Err("asks the DNS for the names that \
            addresses have, which this client does not do: leave client.dns.lookup out, and list \
            in bootstrap.servers the brokers' own names, those of their Kerberos principals and \
            certificates (for each address that `getent ahosts NAME` shows, `getent hosts \
            ADDRESS` tells its name)"
            .to_owned()),
        _ => Err("is not possible here, only use_all_dns_ips is".to_owned()),
    }
}

const FAMILIES: &[(&str, AddressFamily)] =
    &[("any", AddressFamily::Any), ("v4", AddressFamily::V4), ("v6", AddressFamily::V6)];
const STRATEGIES: &[(&str, bool)] = &[("rebootstrap", true), ("none", false)];

fn list(text: &str) -> Parsed<Vec<String>> {
    let servers: Vec<String> =
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Into::into).collect();
    if servers.is_empty() { Err("names no host:port".to_owned()) } else { Ok(servers) }
}
