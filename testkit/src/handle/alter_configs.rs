//! AlterConfigs: gives a topic these settings and no others. Clients use IncrementalAlterConfigs.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};

use super::api::{Api, Context, Outcome};
use super::config_resource::{Intent, Refused, alter, given};
use crate::state::State;
use crate::topic_config::TopicConfig;

impl Api for AlterConfigsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let intent = if self.validate_only { Intent::Check } else { Intent::Do };
        Outcome::Answer(answer(self, |resource| {
            let of = (resource.resource_type, &resource.resource_name);
            alter(state, context.broker, of, intent, |config| replace(config, resource))
        }))
    }

    fn refuse(&self, code: ErrorCode) -> AlterConfigsResponse {
        answer(self, |_| Err((code, code.name().unwrap_or_default().to_owned())))
    }
}

fn replace(config: &TopicConfig, resource: &AlterConfigsResource) -> Result<TopicConfig, Refused> {
    let mut replaced = TopicConfig::new(config.release());
    for wanted in &resource.configs {
        let value = given(&wanted.name, wanted.value.as_deref())?;
        let done = replaced.set(&wanted.name, value);
        done.map_err(|reason| (ErrorCode::INVALID_CONFIG, reason))?;
    }
    Ok(replaced)
}

fn answer(
    request: &AlterConfigsRequest,
    mut of: impl FnMut(&AlterConfigsResource) -> Result<(), Refused>,
) -> AlterConfigsResponse {
    let responses = request.resources.iter().map(|resource| {
        let refused = of(resource).err();
        AlterConfigsResourceResponse {
            error_code: refused.as_ref().map_or(ErrorCode::NONE, |(code, _)| *code),
            error_message: refused.map(|(_, message)| message.into()),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
        }
    });
    AlterConfigsResponse { responses: responses.collect(), ..Default::default() }
}
