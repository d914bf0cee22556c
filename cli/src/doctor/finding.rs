//! Core: what the doctor says: a check, what it was about, how it went, and what to do.

/// How a check went, the least grave first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// As it should be.
    Ok,
    /// It could not be found out; the finding says why.
    NotKnown,
    /// It works, and should be thought about.
    Warning,
    /// It does not work, or records can be lost.
    Wrong,
}

impl Status {
    /// The word that people read.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotKnown => "not known",
            Self::Warning => "warning",
            Self::Wrong => "wrong",
        }
    }

    /// The word that programs read.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::NotKnown => "not_known",
            other => other.word(),
        }
    }
}

/// The checks: variant, the name that programs read, the one that people read, what it looks at.
macro_rules! checks {
    ($($check:ident $code:literal $title:literal $about:literal;)*) => {
        /// What is checked, in the order in which it is told.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Check {
            $(#[doc = concat!($about, ".")] $check,)*
        }

        impl Check {
            /// All of them.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$check),*];

            /// The name that programs read.
            pub(crate) const fn code(self) -> &'static str {
                match self {
                    $(Self::$check => $code,)*
                }
            }

            /// The name that people read.
            pub(crate) const fn title(self) -> &'static str {
                match self {
                    $(Self::$check => $title,)*
                }
            }

            /// What it looks at.
            #[cfg(test)]
            pub(crate) const fn about(self) -> &'static str {
                match self {
                    $(Self::$check => $about,)*
                }
            }
        }
    };
}

checks! {
    Settings "settings" "settings" "Whether the settings can be used, where they cannot";
    Name "name" "name" "Whether a bootstrap server's name has addresses";
    Connection "connection" "connection" "Whether a TCP connection to it is made";
    Tls "tls" "TLS" "Whether the connection is encrypted, where that is set";
    Protocol "protocol" "protocol" "Whether a Kafka broker answers, and of which release";
    Login "login" "login" "Whether the user is let in, where a login is set";
    Metadata "metadata" "metadata" "Whether the broker names the cluster and its brokers";
    OneCluster "one_cluster" "one cluster" "Whether all bootstrap servers belong to one cluster";
    Features "features" "features" "Which features are switched on in the cluster";
    Brokers "brokers" "brokers" "Whether brokers are down";
    Listener "listener" "listener" "Whether the address that a broker advertises leads to it";
    Topic "topic" "topic" "Whether a topic exists, or would be created";
    TopicRights "topic_rights" "topic rights" "Whether the user may read and write a topic";
    GroupRights "group_rights" "group rights" "Whether the user may be in a group";
    TransactionRights "transaction_rights" "transaction rights"
        "Whether the user may use a transactional id";
    Partitions "partitions" "partitions" "Whether partitions have leaders and replicas in sync";
    Replication "replication" "replication" "On how many brokers the topics are";
    InSync "min_insync" "min.insync" "Whether min.insync.replicas fits the replication";
    Unclean "unclean_election" "unclean election"
        "Whether a replica that misses records may lead (unclean.leader.election.enable)";
    AutoCreate "auto_create" "auto-create"
        "Whether brokers create topics that are asked for (auto.create.topics.enable)";
    Acks "acks" "acks" "What the client waits for when it writes";
    GroupLog "group_log" "group log" "Whether the brokers can keep the offsets of groups";
    TransactionTimeout "transaction_timeout" "transaction timeout"
        "Whether transaction.timeout.ms is within what brokers allow";
    TransactionLog "transaction_log" "transaction log"
        "Whether the brokers can keep transactions";
    Clock "clock" "clock" "How far this machine's clock is from a broker's";
    Time "time" "time" "Whether there was time for all checks";
}

/// One line of the doctor's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) check: Check,
    /// What was looked at: a server, a broker, topics.
    pub(crate) about: String,
    pub(crate) status: Status,
    /// What was found, or why it is not known.
    pub(crate) found: String,
    /// What to do about it.
    pub(crate) fix: Option<String>,
}

impl Finding {
    /// All is well.
    pub(crate) fn ok(check: Check, about: impl ToString, found: impl Into<String>) -> Self {
        let (about, found) = (about.to_string(), found.into());
        Self { check, about, status: Status::Ok, found, fix: None }
    }

    /// It could not be found out, for this reason.
    pub(crate) fn not_known(check: Check, about: impl ToString, why: impl Into<String>) -> Self {
        Self { status: Status::NotKnown, ..Self::ok(check, about, why) }
    }

    /// It works, and should be thought about.
    pub(crate) fn warning(
        check: Check,
        about: impl ToString,
        (found, fix): (impl Into<String>, impl Into<String>),
    ) -> Self {
        let fix = Some(fix.into());
        Self { status: Status::Warning, fix, ..Self::ok(check, about, found) }
    }

    /// It does not work, or loses records.
    pub(crate) fn wrong(
        check: Check,
        about: impl ToString,
        said: (impl Into<String>, impl Into<String>),
    ) -> Self {
        Self { status: Status::Wrong, ..Self::warning(check, about, said) }
    }
}
