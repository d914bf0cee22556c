//! What is read of `krb5.conf`. *Core.*

use super::tree::Tree;
use crate::kerberos::crypto::EncryptionType;
use crate::kerberos::error::Error;

/// The content of `krb5.conf` and of what it includes.
#[derive(Clone, Debug, Default)]
pub struct Config {
    tree: Tree,
}

impl Config {
    pub(super) fn new(tree: Tree) -> Self {
        Self { tree }
    }

    /// The first value of a relation of `[libdefaults]`.
    #[must_use]
    pub fn default_of(&self, name: &str) -> Option<&str> {
        self.tree.all(&["libdefaults", name]).next()
    }

    /// The realm of names that have none.
    #[must_use]
    pub fn default_realm(&self) -> Option<&str> {
        self.default_of("default_realm")
    }

    /// A lifetime of `[libdefaults]`, in seconds: `36000`, `10h`, `7d 12h`, `1:30`.
    #[must_use]
    pub fn lifetime(&self, name: &str) -> Option<i64> {
        seconds_of(self.default_of(name)?)
    }

    /// The encryption types of a relation of `[libdefaults]`, in its order, as far as
    /// `permitted_enctypes` has them too, and without those that Kurier cannot use. A relation that
    /// is missing has all.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] names the relation that leaves none.
    pub fn encryption_types(&self, name: &str) -> Result<Vec<EncryptionType>, Error> {
        let permitted = self.listed_types(PERMITTED)?;
        let Some(mut chosen) = self.listed_types(name)? else {
            return Ok(permitted.unwrap_or_else(|| EncryptionType::ALL.to_vec()));
        };
        if let Some(permitted) = permitted {
            chosen.retain(|kind| permitted.contains(kind));
            if chosen.is_empty() {
                return Err(none_left(&format!("{name} beside {PERMITTED}")));
            }
        }
        Ok(chosen)
    }

    /// The types that a relation lists; none if it is missing.
    fn listed_types(&self, name: &str) -> Result<Option<Vec<EncryptionType>>, Error> {
        let Some(listed) = self.default_of(name) else { return Ok(None) };
        let mut chosen: Vec<EncryptionType> = Vec::new();
        for word in listed.split([',', ' ', '\t']).filter(|word| !word.is_empty()) {
            let (add, word) = match word.split_at_checked(1) {
                Some(("-", rest)) => (false, rest),
                Some(("+", rest)) => (true, rest),
                _ => (true, word),
            };
            let kinds = match word.to_ascii_lowercase().as_str() {
                "default" | "aes" => EncryptionType::ALL.to_vec(),
                name => EncryptionType::of_name(name).into_iter().collect(),
            };
            chosen.retain(|kind| !kinds.contains(kind));
            chosen.extend(kinds.into_iter().filter(|_| add));
        }
        match chosen.is_empty() {
            true => Err(none_left(&format!("{name} = {listed}"))),
            false => Ok(Some(chosen)),
        }
    }

    /// The KDCs of a realm, in the order of the file: the first 32.
    #[must_use]
    pub fn kdcs(&self, realm: &str) -> Vec<Kdc> {
        let primary = ["kdc", "master_kdc", "primary_kdc"].into_iter();
        let values = primary.flat_map(|name| self.tree.all(&["realms", realm, name]));
        let mut kdcs = Vec::new();
        for kdc in values.flat_map(str::split_whitespace).filter_map(Kdc::of) {
            if kdcs.len() < KDCS_MAX && !kdcs.contains(&kdc) {
                kdcs.push(kdc);
            }
        }
        kdcs
    }

    /// The realm of a host by `[domain_realm]`: by its own name, or by the nearest domain.
    #[must_use]
    pub fn realm_of_host(&self, host: &str) -> Option<&str> {
        let find = |name: &str| self.tree.all(&["domain_realm", name]).next();
        if let Some(realm) = find(host) {
            return Some(realm);
        }
        let mut rest = host;
        while let Some((_, domain)) = rest.split_once('.') {
            if let Some(realm) = find(&format!(".{domain}")).or_else(|| find(domain)) {
                return Some(realm);
            }
            rest = domain;
        }
        None
    }
}

/// Where a KDC listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kdc {
    /// Its name or address.
    pub host: Box<str>,
    /// Its port; 88 unless the file says otherwise.
    pub port: u16,
    /// By which transports it can be reached.
    pub transport: Transport,
}

impl Kdc {
    /// Reads `host`, `host:port`, `[address]:port`, each perhaps after `tcp/` or `udp/`. A proxy
    /// (`https://`) is left out.
    fn of(text: &str) -> Option<Self> {
        let (transport, place) = match text.split_once('/') {
            Some(("tcp", place)) => (Transport::Tcp, place),
            Some(("udp", place)) => (Transport::Udp, place),
            Some(_) => return None,
            None => (Transport::Both, text),
        };
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => match place.rsplit_once(':') {
                Some((host, port)) if !host.contains(':') => (host, Some(port)),
                _ => (place, None),
            },
        };
        let port = port.map_or(Some(KERBEROS_PORT), |port| port.parse().ok())?;
        Some(Self { host: host.into(), port, transport })
    }
}

/// By which transports a KDC can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// By streams and datagrams.
    Both,
    /// By streams alone.
    Tcp,
    /// By datagrams alone.
    Udp,
}

/// Seconds of `36000`, `10h`, `7d 12h 5m 3s`, `hh:mm` or `hh:mm:ss`.
pub(super) fn seconds_of(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    if text.contains(':') {
        let parts: Vec<i64> = text.split(':').map(|p| p.parse().ok()).collect::<Option<_>>()?;
        let (hours, minutes, seconds) = match parts.as_slice() {
            [hours, minutes] => (*hours, *minutes, 0),
            [hours, minutes, seconds] => (*hours, *minutes, *seconds),
            _ => return None,
        };
        let minutes = hours.checked_mul(60)?.checked_add(minutes)?;
        return minutes.checked_mul(60)?.checked_add(seconds);
    }
    let (mut sum, mut number, mut open) = (0_i64, 0_i64, false);
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        let unit = match c {
            'd' => 86_400,
            'h' => 3600,
            'm' => 60,
            's' => 1,
            digit => {
                number = number.checked_mul(10)?.checked_add(digit.to_digit(10)?.into())?;
                open = true;
                continue;
            }
        };
        sum = sum.checked_add(number.checked_mul(unit)?)?;
        (number, open) = (0, false);
    }
    (!open && sum > 0).then_some(sum)
}

fn none_left(relation: &str) -> Error {
    Error::Unsupported {
        what: relation.into(),
        instead: "it leaves no encryption type that can be used; name some of \
                  aes256-cts-hmac-sha384-192, aes128-cts-hmac-sha256-128, \
                  aes256-cts-hmac-sha1-96 and aes128-cts-hmac-sha1-96",
    }
}

/// The relation that bounds the others.
const PERMITTED: &str = "permitted_enctypes";
const KERBEROS_PORT: u16 = 88;
/// How many KDCs of a realm are asked.
const KDCS_MAX: usize = 32;
