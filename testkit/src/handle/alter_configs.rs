//! AlterConfigs: gives a topic or group these settings and no others. Clients use
//! IncrementalAlterConfigs.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};

use super::api::{Api, Context, Outcome};
use super::config_resource::{Change, Configured, Intent, Refused, alter, given};
use super::words::words;
use crate::state::State;

impl Api for AlterConfigsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let intent = if self.validate_only { Intent::Check } else { Intent::Do };
        Outcome::Answer(answer(self, |resource| {
            let of = (resource.resource_type, &resource.resource_name);
            alter(state, context.broker, of, intent, resource)
        }))
    }

    fn refuse(&self, code: ErrorCode) -> AlterConfigsResponse {
        answer(self, |_| Err((code, code.name().unwrap_or_default().to_owned())))
    }
}

impl Change for AlterConfigsResource {
    fn apply<C: Configured>(&self, config: &C) -> Result<C, Refused> {
        let mut replaced = config.cleared();
        for wanted in &self.configs {
            let value = given(&wanted.name, wanted.value.as_deref())?;
            let done = replaced.change(&wanted.name, Some(value));
            done.map_err(|reason| (ErrorCode::INVALID_CONFIG, reason))?;
        }
        Ok(replaced)
    }
}

fn answer(
    request: &AlterConfigsRequest,
    mut of: impl FnMut(&AlterConfigsResource) -> Result<(), Refused>,
) -> AlterConfigsResponse {
    let responses = request.resources.iter().map(|resource| {
        let refused = of(resource).err();
        AlterConfigsResourceResponse {
            error_code: refused.as_ref().map_or(ErrorCode::NONE, |(code, _)| *code),
            error_message: refused.map(|(_, message)| words(&message)),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
        }
    });
    AlterConfigsResponse { responses: responses.collect(), ..Default::default() }
}
