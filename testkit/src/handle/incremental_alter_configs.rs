//! IncrementalAlterConfigs: changes single settings of a topic or group (KIP-339).

use std::collections::HashSet;

use kurier_protocol::ErrorCode;
use kurier_protocol::api::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, AlterableConfig,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

use super::api::{Api, Context, Outcome};
use super::config_resource::{Change, Configured, Intent, Refused, alter, given};
use super::once::once;
use super::words::words;
use crate::config_kind::ConfigKind;
use crate::state::State;
use crate::topic_config::TopicSetting;

impl Api for IncrementalAlterConfigsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let intent = if self.validate_only { Intent::Check } else { Intent::Do };
        Outcome::Answer(answer(self, |resource| {
            let of = (resource.resource_type, &resource.resource_name);
            alter(state, context.broker, of, intent, resource)
        }))
    }

    fn refuse(&self, code: ErrorCode) -> IncrementalAlterConfigsResponse {
        answer(self, |_| Err((code, code.name().unwrap_or_default().to_owned())))
    }
}

impl Change for AlterConfigsResource {
    fn apply<C: Configured>(&self, config: &C) -> Result<C, Refused> {
        let mut changed = config.clone();
        for (wanted, times) in once(&self.configs, |wanted| &wanted.name) {
            if times > 1 {
                let message = "Error due to duplicate config keys".to_owned();
                return Err((ErrorCode::INVALID_REQUEST, message));
            }
            let value = match wanted.config_operation {
                DELETE => None,
                SET => Some(text(wanted)?.to_owned()),
                APPEND | SUBTRACT => Some(edit(config, wanted)?),
                // Kafka stumbles over it, and has no words for that.
                _ => return Err((ErrorCode::UNKNOWN_SERVER_ERROR, String::new())),
            };
            let done = changed.change(&wanted.name, value.as_deref());
            done.map_err(|reason| (ErrorCode::INVALID_CONFIG, reason))?;
        }
        Ok(changed)
    }
}

/// A list with entries more or less.
fn edit(config: &impl Configured, wanted: &AlterableConfig) -> Result<String, Refused> {
    let name = &wanted.name;
    if TopicSetting::named(name).is_none_or(|setting| setting.kind != ConfigKind::List) {
        let what = if wanted.config_operation == APPEND { "APPEND" } else { "SUBTRACT" };
        let message = format!("Can't {what} to key {name} because its type is not LIST.");
        return Err((ErrorCode::INVALID_CONFIG, message));
    }
    let present = config.present(name).unwrap_or_default();
    let present = present.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let said = text(wanted)?.split(',').map(str::trim);
    let entries: Vec<&str> = if wanted.config_operation == APPEND {
        let mut known = HashSet::new();
        present.chain(said).filter(|entry| known.insert(*entry)).collect()
    } else {
        let gone: HashSet<&str> = said.collect();
        present.filter(|entry| !gone.contains(entry)).collect()
    };
    Ok(entries.join(","))
}

fn text(wanted: &AlterableConfig) -> Result<&str, Refused> {
    given(&wanted.name, wanted.value.as_deref())
}

fn answer(
    request: &IncrementalAlterConfigsRequest,
    mut of: impl FnMut(&AlterConfigsResource) -> Result<(), Refused>,
) -> IncrementalAlterConfigsResponse {
    let responses = request.resources.iter().map(|resource| {
        let refused = of(resource).err();
        AlterConfigsResourceResponse {
            error_code: refused.as_ref().map_or(ErrorCode::NONE, |(code, _)| *code),
            error_message: refused
                .map(|(_, message)| message)
                .filter(|message| !message.is_empty())
                .map(|message| words(&message)),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
        }
    });
    IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() }
}

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;
