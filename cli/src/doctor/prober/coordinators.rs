//! Questions to the coordinators of groups and of transactional ids. None of them changes anything.

use std::time::Duration;

use kurier_protocol::ErrorCode;
use kurier_protocol::api::describe_groups::{DescribeGroupsRequest, DescribedGroup};
use kurier_protocol::api::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use kurier_protocol::api::heartbeat::HeartbeatRequest;
use kurier_protocol::api::init_producer_id::InitProducerIdRequest;
use tokio::time::sleep;

use super::contacts::{Contacts, Link};
use crate::doctor::facts::{Known, Operation, Operations, Rights, Unknown};

/// What the user may do with a group.
pub(super) async fn group(contacts: &mut Contacts, id: &str) -> Known<Rights> {
    let contact = match coordinator(contacts, id, GROUP).await? {
        Ok(broker) => contacts.broker(broker, "its coordinator")?,
        Err(ErrorCode::GROUP_AUTHORIZATION_FAILED) => return Ok(refuse(Operation::Read)),
        Err(code) => return Ok(Rights::NoCoordinator(code)),
    };
    let described = describe(contact, id).await?;
    if described.error_code == ErrorCode::GROUP_AUTHORIZATION_FAILED {
        return Ok(refuse(Operation::Read));
    }
    let may_read = match described.authorized_operations {
        NOT_TOLD => may_join(contact, id).await?,
        bits => Operations(bits).allow(Operation::Read),
    };
    if !may_read {
        return Ok(refuse(Operation::Read));
    }
    let (state, members) = (&*described.group_state, described.members.len());
    Ok(Rights::Allowed(match state {
        "" | "Dead" => None,
        _ => Some(format!("it is {state} with {members} members")),
    }))
}

/// What the user may do with a transactional id.
pub(super) async fn transactional_id(contacts: &mut Contacts, id: &str) -> Known<Rights> {
    let contact = match coordinator(contacts, id, TRANSACTION).await? {
        Ok(broker) => contacts.broker(broker, "its coordinator")?,
        Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED) => {
            return Ok(refuse(Operation::Write));
        }
        Err(code) => return Ok(Rights::NoCoordinator(code)),
    };
    // A timeout of 0 is refused after the rights were looked at, and before anything is done.
    let make = |_: i16| InitProducerIdRequest {
        transactional_id: Some(id.into()),
        transaction_timeout_ms: 0,
        ..Default::default()
    };
    let (_, answer) = contact.ask(0..=i16::MAX, make).await?;
    match answer.error_code {
        ErrorCode::INVALID_TRANSACTION_TIMEOUT => Ok(Rights::Allowed(None)),
        ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED => Ok(refuse(Operation::Write)),
        code => Err(Unknown::new(format!("its coordinator answers {code}"))),
    }
}

fn refuse(operation: Operation) -> Rights {
    Rights::Refused(vec![operation])
}

/// Who looks after something, or why nobody does. What is just being made is waited for.
async fn coordinator(
    contacts: &mut Contacts,
    id: &str,
    key_type: i8,
) -> Known<Result<i32, ErrorCode>> {
    let mut found = Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
    for _ in 0..TRIES_MAX {
        let make = |version| match version {
            4.. => FindCoordinatorRequest {
                key_type,
                coordinator_keys: vec![id.into()],
                ..Default::default()
            },
            _ => FindCoordinatorRequest { key: id.into(), key_type, ..Default::default() },
        };
        let versions = i16::from(key_type != GROUP)..=i16::MAX;
        let (version, answer) = contacts.ask(versions, make).await?;
        found = read(version, &answer);
        match found {
            Err(code) if code.is_retriable() => sleep(PAUSE).await,
            _ => break,
        }
    }
    Ok(found)
}

fn read(version: i16, answer: &FindCoordinatorResponse) -> Result<i32, ErrorCode> {
    let (code, broker) = match (version, answer.coordinators.first()) {
        (4.., Some(found)) => (found.error_code, found.node_id),
        (4.., None) => (ErrorCode::UNKNOWN_SERVER_ERROR, -1),
        _ => (answer.error_code, answer.node_id),
    };
    if code.is_ok() { Ok(broker) } else { Err(code) }
}

/// A group as its coordinator describes it, once that has read its log.
async fn describe(contact: &mut Link, id: &str) -> Known<DescribedGroup> {
    let mut code = ErrorCode::COORDINATOR_NOT_AVAILABLE;
    for _ in 0..TRIES_MAX {
        let make = |version: i16| DescribeGroupsRequest {
            groups: vec![id.into()],
            include_authorized_operations: version >= 3,
        };
        // From version 6 on nothing is told of a group that is not there yet.
        let (_, answer) = contact.ask(0..=5, make).await?;
        let group = answer.groups.into_iter().next();
        let group = group.ok_or(Unknown::of("the answer has no result"))?;
        if !group.error_code.is_retriable() {
            return Ok(group);
        }
        code = group.error_code;
        sleep(PAUSE).await;
    }
    Err(Unknown::new(format!("its coordinator answers {code}")))
}

/// Whether the user may be a member: one who is none is refused otherwise if it may.
async fn may_join(contact: &mut Link, id: &str) -> Known<bool> {
    let make =
        |_: i16| HeartbeatRequest { group_id: id.into(), generation_id: -1, ..Default::default() };
    let (_, answer) = contact.ask(0..=i16::MAX, make).await?;
    Ok(answer.error_code != ErrorCode::GROUP_AUTHORIZATION_FAILED)
}

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const NOT_TOLD: i32 = i32::MIN;
/// Together two seconds: brokers make the log of groups or transactions when it is first needed.
const TRIES_MAX: u32 = 10;
const PAUSE: Duration = Duration::from_millis(200);
