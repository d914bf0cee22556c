//! Core: what values settings take, in Kafka's words.

/// What values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConfigKind {
    Boolean,
    Text,
    Int,
    Long,
    Double,
    List,
}

impl ConfigKind {
    /// Why a value is none of this kind; `None` if it is one.
    pub(crate) fn objection(self, value: &str) -> Option<&'static str> {
        let fits = match self {
            Self::Boolean => matches!(value.to_ascii_lowercase().as_str(), "true" | "false"),
            Self::Int => value.parse::<i32>().is_ok(),
            Self::Long => value.parse::<i64>().is_ok(),
            Self::Double => value.parse::<f64>().is_ok(),
            Self::Text | Self::List => true,
        };
        (!fits).then_some(match self {
            Self::Boolean => "Expected value to be either true or false",
            Self::Int => "Not a number of type INT",
            Self::Long => "Not a number of type LONG",
            Self::Double => "Not a number of type DOUBLE",
            Self::Text | Self::List => "",
        })
    }

    /// Its number in DescribeConfigs.
    pub(crate) fn code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::Text => 2,
            Self::Int => 3,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
        }
    }
}
