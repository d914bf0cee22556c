//! What a key is used for, of RFC 4120 section 7.5.1 and RFC 4121 section 2. *Core.*

pub(crate) const TIMESTAMP: u32 = 1;
pub(crate) const TICKET: u32 = 2;
pub(crate) const AS_REPLY: u32 = 3;
pub(crate) const TGS_CHECKSUM: u32 = 6;
pub(crate) const TGS_AUTHENTICATOR: u32 = 7;
pub(crate) const TGS_REPLY: u32 = 8;
pub(crate) const AP_AUTHENTICATOR: u32 = 11;
pub(crate) const AP_REPLY: u32 = 12;
pub(crate) const ACCEPTOR_SEAL: u32 = 22;
pub(crate) const INITIATOR_SEAL: u32 = 24;
