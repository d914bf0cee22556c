//! What was set and changes nothing, or not what was meant, and the lines that say so. *core*

/// A setting that was taken, of which something is to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) name: String,
    pub(super) reason: Reason,
}

/// What is to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The part that would read it is not built.
    Later(Part),
    /// Another library reads it.
    Foreign,
    /// It was set before to something else in the same place, by this name of the same setting.
    Again(&'static str),
}

impl Reason {
    pub(super) fn role(self) -> Option<Role> {
        match self {
            Self::Later(part) => part.role(),
            Self::Foreign | Self::Again(_) => None,
        }
    }
}

/// A line for each reason, with the names in their order.
pub(super) fn lines<'a>(notes: impl Iterator<Item = &'a Note>) -> Vec<String> {
    let (mut later, mut parts, mut foreign) = (Vec::new(), Vec::new(), Vec::new());
    let mut again = Vec::new();
    for note in notes {
        match note.reason {
            Reason::Later(part) => {
                later.push(note.name.as_str());
                if !parts.contains(&part.name()) {
                    parts.push(part.name());
                }
            }
            Reason::Foreign => foreign.push(note.name.as_str()),
            Reason::Again(before) if before == note.name => again.push(note.name.clone()),
            Reason::Again(before) => again.push(format!("{} after {before}", note.name)),
        }
    }
    let later = (!later.is_empty()).then(|| {
        let (change, are) = if later.len() == 1 { ("changes", "it is") } else { MANY };
        format!("{} {change} nothing yet: {are} for {}", later.join(", "), parts.join("; "))
    });
    let foreign = (!foreign.is_empty()).then(|| {
        let (change, are) = if foreign.len() == 1 { ("changes", "it is") } else { MANY };
        format!("{} {change} nothing here: {are} of other libraries", foreign.join(", "))
    });
    let again = (!again.is_empty()).then(|| {
        format!(
            "set more than once, to different values, of which the last counts: {}",
            again.join(", ")
        )
    });
    [later, foreign, again].into_iter().flatten().collect()
}

/// A part of the client that is still to be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Assertions,
    Telemetry,
}

impl Part {
    /// What it is called in a warning.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Assertions => "tokens by an assertion (KIP-1139)",
            Self::Telemetry => "sending metrics to brokers (KIP-714)",
        }
    }

    /// A file of the client's crate that is there once this part is built.
    #[cfg(test)]
    pub(crate) const fn file(self) -> &'static str {
        match self {
            Self::Assertions => "src/security/oidc/assertion.rs",
            Self::Telemetry => "src/metrics/telemetry.rs",
        }
    }

    /// Whose settings it reads, if not those of all.
    pub(crate) const fn role(self) -> Option<Role> {
        match self {
            Self::Assertions | Self::Telemetry => None,
        }
    }
}

/// Which part of a client reads a setting that others do not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Producers.
    Producer,
    /// Consumers.
    Consumer,
}

const MANY: (&str, &str) = ("change", "they are");

#[cfg(test)]
mod tests {
    use super::super::settings::Properties;
    use super::*;

    #[test]
    fn what_changes_nothing_is_a_line_in_the_order_of_the_file_for_whom_it_concerns() {
        let pairs = [
            ("schema.registry.url", "http://r"),
            ("enable.metrics.push", "true"),
            ("sasl.oauthbearer.assertion.file", "f"),
            ("basic.auth.user.info", "a:hush"),
            ("sasl.oauthbearer.assertion.claim.sub", "s"),
            ("sasl.oauthbearer.assertion.claim.iss", "true"),
            ("sasl.oauthbearer.assertion.claim.iss", ""),
        ];
        let properties = Properties::from_pairs(pairs).unwrap();
        let all = properties.warnings();
        let [later, foreign] = all.as_slice() else { panic!("{all:?}") };
        let names = "enable.metrics.push, sasl.oauthbearer.assertion.file, \
                     sasl.oauthbearer.assertion.claim.sub change";
        assert!(later.starts_with(names), "{later}");
        assert!(later.contains("(KIP-714); tokens"), "{later}");
        let names = "schema.registry.url, basic.auth.user.info change nothing here";
        assert!(foreign.starts_with(names) && !foreign.contains("hush"), "{foreign}");
        let producers = properties.warnings_about(|_, role| role == Some(Role::Producer));
        assert!(producers.is_empty(), "{producers:?}");
    }
}
