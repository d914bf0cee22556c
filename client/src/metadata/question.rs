//! The request for metadata of some topics, or of all, and whether its answer is of use. *core*

use kurier_protocol::ApiKey;
use kurier_protocol::api::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};

use super::wishes::Creation;
use crate::error::{About, Cause, Error};

/// The request for these topics, or for all, in the given version.
pub(crate) fn question<T: AsRef<str>>(
    names: Option<&[T]>,
    creation: Creation,
    version: i16,
) -> MetadataRequest {
    let topic =
        |name: &T| MetadataRequestTopic { name: Some(name.as_ref().into()), ..Default::default() };
    let topics = match names.filter(|names| !must_ask_for_all(names, creation, version)) {
        // Of none this says "none"; in version 0, which has no way to say that, "all".
        Some(names) => Some(names.iter().map(topic).collect()),
        // All: an empty list in version 0, null from then on.
        None => (version == 0).then(Vec::new),
    };
    let allow_auto_topic_creation = creation == Creation::Allowed || version < CREATION_SINCE;
    MetadataRequest { topics, allow_auto_topic_creation, ..Default::default() }
}

/// Whether an answer is of use, whatever it says of topics.
///
/// # Errors
///
/// The answer is an error as a whole, or it names no brokers.
pub(crate) fn usable(answer: &MetadataResponse, from: &str) -> Result<(), Error> {
    match answer.error_code {
        code if !code.is_ok() => Err(Error::broker(ApiKey::METADATA, code, About::Nothing)),
        _ if answer.brokers.is_empty() => Err(Error::unreachable(from, Cause::NoBrokers)),
        _ => Ok(()),
    }
}

/// Before version 4 a question about a topic may create it: who must not create any asks for all.
pub(super) fn must_ask_for_all<T>(names: &[T], creation: Creation, version: i16) -> bool {
    version < CREATION_SINCE && creation == Creation::Never && !names.is_empty()
}

/// The first version in which a question about a topic can forbid that it is created.
const CREATION_SINCE: i16 = 4;

#[cfg(test)]
mod tests {
    use kurier_protocol::{Request, encode};

    use super::*;

    #[test]
    fn a_question_that_must_not_create_a_topic_never_can() {
        for version in 0..=MetadataRequest::VERSION_STABLE_MAX {
            let ask = |creation| question(Some(&["a", "b"]), creation, version);
            let never = ask(Creation::Never);
            encode(&never, version).unwrap();
            let names = never.topics.is_some_and(|topics| !topics.is_empty());
            assert!(!(names && never.allow_auto_topic_creation), "version {version}");
            let allowed = ask(Creation::Allowed);
            encode(&allowed, version).unwrap();
            assert!(allowed.allow_auto_topic_creation);
            assert_eq!(allowed.topics.map(|topics| topics.len()), Some(2));
        }
    }

    #[test]
    fn all_and_none_are_said_as_each_version_says_them() {
        let topics = |names: Option<&[&str]>, version| {
            question(names, Creation::Never, version).topics.map(|topics| topics.len())
        };
        assert_eq!([0, 1, 4].map(|version| topics(None, version)), [Some(0), None, None]);
        assert_eq!([0, 1, 4].map(|version| topics(Some(&[]), version)), [Some(0); 3]);
        for version in 0..=MetadataRequest::VERSION_STABLE_MAX {
            encode(&question::<&str>(None, Creation::Never, version), version).unwrap();
        }
    }
}
