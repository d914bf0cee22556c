//! What a KDC is asked: AS-REQ and TGS-REQ. *Core.*

use super::parts::{PaData, Sealed, VERSION, name_der, pa_data_der, tag};
use super::usage;
use crate::kerberos::crypto::{EncryptionType, Key};
use crate::kerberos::der;
use crate::kerberos::moment::Moment;
use crate::kerberos::principal::Principal;

/// The body of a request.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    pub(crate) options: u32,
    /// Whose ticket it is to be; only an AS-REQ says it here.
    pub(crate) client: Option<&'a Principal>,
    pub(crate) server: &'a Principal,
    /// Until when the ticket is wanted.
    pub(crate) till: i64,
    /// Until when it should be renewable.
    pub(crate) renew_till: Option<i64>,
    pub(crate) nonce: u32,
    pub(crate) kinds: &'a [EncryptionType],
}

impl Body<'_> {
    pub(crate) fn der(&self) -> Vec<u8> {
        let kinds: Vec<_> = self.kinds.iter().map(|kind| der::integer(kind.number())).collect();
        let client = self.client.map(|client| der::context(1, &name_der(client)));
        let renew_till = self.renew_till.map(|till| der::context(6, &der::time(till)));
        der::sequence(&[
            der::context(0, &der::flags(self.options)),
            client.unwrap_or_default(),
            der::context(2, &der::string(&self.server.realm)),
            der::context(3, &name_der(self.server)),
            der::context(5, &der::time(self.till)),
            renew_till.unwrap_or_default(),
            der::context(7, &der::integer(self.nonce)),
            der::context(8, &der::sequence(&kinds)),
        ])
    }
}

/// Which request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KdcRequest {
    /// For a first ticket.
    As,
    /// For another ticket by means of one.
    Tgs,
}

impl KdcRequest {
    pub(crate) fn der(self, data: &[PaData], body: &[u8]) -> Vec<u8> {
        let kind = match self {
            Self::As => tag::AS_REQUEST,
            Self::Tgs => tag::TGS_REQUEST,
        };
        let data = match data {
            [] => Vec::new(),
            some => der::context(3, &pa_data_der(some)),
        };
        let parts = [
            der::context(1, &der::integer(VERSION)),
            der::context(2, &der::integer(kind)),
            data,
            der::context(4, body),
        ];
        der::application(kind, &parts)
    }
}

/// The time, encrypted: proves that the client has its key.
pub(crate) fn encrypted_timestamp(key: &Key, moment: &Moment) -> Vec<u8> {
    let plain = der::sequence(&[
        der::context(0, &der::time(moment.seconds())),
        der::context(1, &der::integer(moment.micros())),
    ]);
    Sealed::seal(key, usage::TIMESTAMP, &moment.confounder(), &plain).der()
}

/// Options of requests, which are also flags of tickets.
pub(crate) mod option {
    pub(crate) const CANONICALIZE: u32 = 0x0001_0000;
    pub(crate) const RENEWABLE_OK: u32 = 0x10;
    pub(crate) const RENEW: u32 = 0x2;
}
