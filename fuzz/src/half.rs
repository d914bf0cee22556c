//! One half of an API in one version: what a frame holds.

use std::fmt;

use kurier_protocol::ApiKey;
use kurier_protocol::api::{self, ApiInfo, MessageInfo};

/// Requests or responses of one API in one version.
#[derive(Clone, Copy, Debug)]
pub struct Half {
    api: &'static ApiInfo,
    direction: Direction,
    version: i16,
}

/// Who sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// A client.
    Request,
    /// A broker.
    Response,
}

impl Half {
    /// The half of an API; `None` if there is no such API or version.
    #[must_use]
    pub fn of(key: ApiKey, direction: Direction, version: i16) -> Option<Self> {
        let half = Self { api: api::info(key)?, direction, version };
        half.info().versions.contains(&version).then_some(half)
    }

    /// Every half of every API in every version.
    pub fn all() -> impl Iterator<Item = Self> {
        let directions = [Direction::Request, Direction::Response];
        let halves = directions.into_iter().flat_map(|direction| {
            api::apis().iter().map(move |api| Self { api, direction, version: 0 })
        });
        halves.flat_map(|half| {
            half.info().versions.clone().map(move |version| Self { version, ..half })
        })
    }

    /// Its API.
    #[must_use]
    pub const fn key(&self) -> ApiKey {
        self.api.key
    }

    /// Who sends it.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> i16 {
        self.version
    }

    /// What the protocol says of it.
    #[must_use]
    pub const fn info(&self) -> &'static MessageInfo {
        match self.direction {
            Direction::Request => &self.api.request,
            Direction::Response => &self.api.response,
        }
    }

    /// The version of the header that stands before it.
    #[must_use]
    pub fn header_version(&self) -> i16 {
        match self.direction {
            Direction::Request => self.api.request_header_version(self.version),
            Direction::Response => self.api.response_header_version(self.version),
        }
    }
}

impl PartialEq for Half {
    fn eq(&self, other: &Self) -> bool {
        let of = |half: &Self| (half.key(), half.direction(), half.version());
        of(self) == of(other)
    }
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}", self.info().name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_name_their_message_and_version() {
        let half = Half::of(ApiKey::FETCH, Direction::Response, 12).unwrap();
        assert_eq!(half.to_string(), "FetchResponse v12");
        assert_eq!((half.key(), half.header_version()), (ApiKey::FETCH, 1));
    }

    #[test]
    fn what_does_not_exist_has_no_half() {
        assert!(Half::of(ApiKey(9999), Direction::Request, 0).is_none());
        assert!(Half::of(ApiKey::FETCH, Direction::Request, 99).is_none());
        assert!(Half::of(ApiKey::FETCH, Direction::Request, -1).is_none());
    }
}
