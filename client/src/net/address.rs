//! Host and port of a broker.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// Host and port of a broker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Name or IP address.
    pub host: Box<str>,
    /// The port.
    pub port: u16,
}

impl Address {
    /// Host and port.
    #[must_use]
    pub fn new(host: impl Into<Box<str>>, port: u16) -> Self {
        Self { host: host.into(), port }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    /// Reads `host`, `host:port` or `[v6]:port`; without a port it is 9092. `PLAINTEXT://` may
    /// stand before it.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |problem: &str| {
            let problem = match text.contains('@') {
                // What stands before it may be a password.
                true => LOGIN.to_owned(),
                false => format!("{text:?} {problem}"),
            };
            Err(Error::invalid("bootstrap.servers", problem))
        };
        let trimmed = text.trim();
        let rest = match trimmed.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("PLAINTEXT") => rest,
            Some(_) => return wrong("names a protocol, which is for security.protocol to say"),
            None => trimmed,
        };
        let (host, port) = if let Some(v6) = rest.strip_prefix('[') {
            match v6.split_once(']') {
                Some((host, "")) => (host, None),
                Some((host, port)) => match port.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None => return wrong("is not of the form [address]:port"),
                },
                None => return wrong("is not of the form [address]:port"),
            }
        } else if rest.matches(':').count() > 1 {
            return wrong("is not of the form host:port; write [address]:port for IPv6");
        } else {
            match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            }
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/@".contains(c)) {
            return wrong("is not of the form host:port");
        }
        match port.map(str::parse).unwrap_or(Ok(PORT_DEFAULT)) {
            Ok(0) | Err(_) => wrong("has no port between 1 and 65535"),
            Ok(port) => Ok(Self::new(host, port)),
        }
    }
}

const PORT_DEFAULT: u16 = 9092;
const LOGIN: &str = "one of them has an @, and is not shown: no login stands before a host; it is \
    what sasl.username and sasl.password are for";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let rows = [
            ("localhost", "localhost:9092"),
            (" b1:1 ", "b1:1"),
            ("PLAINTEXT://b1:19092", "b1:19092"),
            ("[::1]:9093", "[::1]:9093"),
            ("[::1]", "[::1]:9092"),
            ("10.0.0.1:65535", "10.0.0.1:65535"),
        ];
        for (text, wanted) in rows {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), wanted);
        }
    }

    #[test]
    fn refuses_the_rest_and_says_what_is_wrong() {
        for text in
            ["", ":9092", "b:", "b:0", "b:65536", "b:x", "::1", "a b:1", "[::1", "SSL://b:1"]
        {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.starts_with("bootstrap.servers: "), "{error}");
        }
    }

    #[test]
    fn does_not_repeat_a_login() {
        for text in ["alice:hush@b:1", "hush@b:1", "hush@b", "SSL://alice:hush@b:1"] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains("sasl.password") && !error.contains("hush"), "{error}");
        }
    }
}
