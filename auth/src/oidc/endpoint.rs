//! `TokenEndpoint`: an address that may be asked for tokens. *Core.*

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// The address of a token endpoint: `https://host[:port]/path`, or, for a host on this machine
/// alone, `http://`. Never a file (CVE-2025-27817).
#[derive(Clone, PartialEq, Eq)]
pub struct TokenEndpoint {
    is_encrypted: bool,
    host: Box<str>,
    port: u16,
    /// What stands in the first line of a request.
    target: Box<str>,
}

impl TokenEndpoint {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words that go on after it.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        if url.len() > URL_BYTES_MAX || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("is longer than 2048 characters, or has others than those of a URL");
        }
        let (scheme, rest) = url.split_once("://").ok_or("is no URL that begins with https://")?;
        let is_encrypted = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err("does not begin with https://, and nothing else is asked for tokens"),
        };
        if rest.contains('#') {
            return Err("has a fragment (#), which no endpoint sees; take it out");
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err("names a user; who asks is said by the client id and secret");
        }
        let default = if is_encrypted { 443 } else { 80 };
        let (host, port) = place(authority, default).ok_or("has no host, or no port, in it")?;
        if !is_encrypted && !is_local(host) {
            return Err("would send the client secret unencrypted; use https \
                        (http is for this machine alone)");
        }
        let target = match target {
            "" => "/".into(),
            query if query.starts_with('?') => ["/", query].concat().into(),
            path => path.into(),
        };
        Ok(Self { is_encrypted, host: host.into(), port, target })
    }

    /// Whether it is asked by TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Its name or address, an IPv6 one without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// Host and port as they stand in a request: without a port that goes without saying.
    pub(super) fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.to_string(),
        };
        match (self.is_encrypted, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

/// Without its query, which may hold what nobody should read.
impl fmt::Display for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        let path = self.target.split('?').next().unwrap_or_default();
        write!(f, "{scheme}://{}{path}", self.authority())
    }
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenEndpoint({self})")
    }
}

/// Host and port of `host`, `host:port`, `[address]`, `[address]:port`.
fn place(authority: &str, default: u16) -> Option<(&str, u16)> {
    let (host, port) = match authority.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(bracketed) => {
            let (host, port) = bracketed?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() || !(host.contains(':') || host.bytes().all(is_name)) {
        return None;
    }
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let port = match port {
        Some(port) => port.parse().ok().filter(|number| *number != 0 && digits(port))?,
        None => default,
    };
    Some((host, port))
}

fn is_local(host: &str) -> bool {
    let is_loopback = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    host.eq_ignore_ascii_case("localhost") || is_loopback
}

/// The longest URL.
const URL_BYTES_MAX: usize = 2048;
