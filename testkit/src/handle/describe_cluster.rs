//! DescribeCluster: the brokers, running or not, and who decides (KIP-700, KIP-919).

use kurier_protocol::api::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use super::operations::{Asked, ON_CLUSTER, told};
use crate::state::State;

impl Api for DescribeClusterRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        if self.endpoint_type != BROKERS {
            let code = match self.endpoint_type {
                CONTROLLERS => ErrorCode::MISMATCHED_ENDPOINT_TYPE,
                _ => ErrorCode::UNSUPPORTED_ENDPOINT_TYPE,
            };
            let error_message = Some(match self.endpoint_type {
                CONTROLLERS => Str::from_static(MISMATCHED),
                other => format!("Unsupported endpoint type {other}").into(),
            });
            return Outcome::Answer(DescribeClusterResponse { error_message, ..self.refuse(code) });
        }
        let brokers = state.broker_ids().filter_map(|broker_id| {
            let is_fenced = !state.is_alive(broker_id);
            let address = state.address(broker_id, context.listener)?;
            (!is_fenced || self.include_fenced_brokers).then(|| DescribeClusterBroker {
                broker_id,
                host: Str::from(&address.host),
                port: address.port.into(),
                rack: state.rack(broker_id),
                is_fenced,
            })
        });
        Outcome::Answer(DescribeClusterResponse {
            cluster_id: Str::from(&state.settings.ids.cluster),
            controller_id: state.controller().unwrap_or(-1),
            brokers: brokers.collect(),
            endpoint_type: self.endpoint_type,
            cluster_authorized_operations: told(
                ON_CLUSTER,
                Asked(self.include_cluster_authorized_operations),
            ),
            ..Default::default()
        })
    }

    fn refuse(&self, error_code: ErrorCode) -> DescribeClusterResponse {
        let error_message = error_code.name().map(Str::from_static);
        DescribeClusterResponse { error_code, error_message, ..Default::default() }
    }
}

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

const MISMATCHED: &str = "The request was sent to an endpoint of type BROKER, but we wanted an \
                          endpoint of type CONTROLLER";
