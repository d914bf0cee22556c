//! EndTxn: commits or aborts a transaction. From version 5 on the producer then has a new epoch.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::end_txn::{EndTxnRequest, EndTxnResponse};

use super::api::{Api, Context, Outcome};
use super::init_producer_id::fenced;
use crate::group::TransactionEnd;
use crate::state::State;
use crate::transaction::{Rules, Writer};

impl Api for EndTxnRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        if let Err(code) = state.check_coordinator(context.broker, &self.transactional_id) {
            return Outcome::Answer(self.refuse(code));
        }
        let writer = Writer {
            id: &self.transactional_id,
            producer: (self.producer_id, self.producer_epoch),
            fenced: fenced(context.version, 2),
        };
        let end = if self.committed { TransactionEnd::Commit } else { TransactionEnd::Abort };
        let rules = if context.version >= 5 { Rules::V2 } else { Rules::V1 };
        let fresh = state.new_producer_id();
        let ended = state.transactions.end(context.now, writer, (end, rules), fresh);
        // Markers that are due at once are written before anyone sees them missing.
        state.advance(context.now);
        Outcome::Answer(match ended {
            Err(code) => self.refuse(code),
            Ok((producer_id, producer_epoch)) => {
                EndTxnResponse { producer_id, producer_epoch, ..Default::default() }
            }
        })
    }

    fn refuse(&self, error_code: ErrorCode) -> EndTxnResponse {
        EndTxnResponse { error_code, ..Default::default() }
    }
}
