//! What errors mean, as a page of documentation.

use std::fmt::Write;

use kurier_protocol::{ApiKey, ErrorCode};

use super::super::acl::MissingAcl;
use super::super::advice::on_code;
use super::super::class::{Course, course_of, kind_of_code};
use super::super::kind::ErrorKind;

/// The page: every kind, and every code.
pub(super) fn markdown() -> String {
    let mut page = String::from(HEAD);
    for kind in ErrorKind::ALL {
        let _ = writeln!(page, "| `{kind:?}` | {} | {} |", kind.explain(), kind.advice());
    }
    page.push_str(CODES);
    for code in ErrorCode::ALL.iter().filter(|code| !code.is_ok()) {
        let kind = kind_of_code(ANY, *code);
        let advice = match on_code(ANY, *code) {
            Some(advice) => advice,
            None if MissingAcl::is_meant_by(*code) => "add the ACL that the error names",
            None => "",
        };
        let (number, meaning) = (code.0, code.explain());
        let goes_on = words(course_of(ANY, *code));
        let row =
            format!("| {number} | `{code}` | `{kind:?}` | {goes_on} | {meaning} | {advice} |");
        let _ = writeln!(page, "{row}");
    }
    page
}

fn words(course: Course) -> &'static str {
    match course {
        Course::Retry => "retriable",
        Course::Abort => "abort",
        Course::End => "fatal",
        Course::Fail => "",
    }
}

/// A request for which no code means something of its own.
const ANY: ApiKey = ApiKey::DESCRIBE_CLUSTER;

const HEAD: &str = "\
# Errors

What `kurier_client::Error` means for a program. This page is made from the code; a test holds it.

`kind()` says what sort of thing went wrong, `origin()` whose it is: the client's, the broker's or
the network's. `code()` is the broker's error code, where it gave one. Then there are four
questions, and no two of the first three are answered with yes:

* `is_retriable()`: the same may succeed a moment later. The client has tried again by itself where
  that was safe and its settings allowed.
* `requires_abort()`: a transaction in which it happened can only be aborted; the producer lives on.
* `is_fatal()`: the producer, the consumer or the client is done; after a person has changed
  something, make a new one.
* `maybe_written()`: a broker may have done it nevertheless. Whoever tries again may write twice.
  So it is with answers to Produce such as `NOT_LEADER_OR_FOLLOWER`: a leader appends, waits for its
  followers, and says the same if it loses the partition meanwhile.

If none is answered with yes, this call, record or partition has failed, and all else goes on.
`{}` and `{:?}` are one line each that names what was tried and what may help; `found()` and
`advice()` are these two parts of it.

## Kinds

| kind | what it is | what a program does |
| --- | --- | --- |
";

const CODES: &str = "
## Error codes of brokers

What a code is where the request means nothing of its own; a few requests do, such as those of a
transaction ([transactions.md](transactions.md)), and the error that a program gets knows its
request.

| code | name | kind | | meaning | what may help |
| --- | --- | --- | --- | --- | --- |
";
