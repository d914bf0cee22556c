//! The side of the messages that only a KDC sees. *Core.*

use crate::kerberos::crypto::{EncryptionType, Key};
use crate::kerberos::der::{self, Reader};
use crate::kerberos::error::Error;
use crate::kerberos::messages::{
    KdcRequest, PaData, Sealed, key_der, name_der, pa_data_of, read_name, tag, usage,
};
use crate::kerberos::moment::Moment;
use crate::kerberos::principal::Principal;

/// A request as a KDC sees it.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) request: KdcRequest,
    pub(super) data: Vec<PaData>,
    /// The bytes of the body, of which a TGS-REQ has a checksum.
    pub(super) body: &'a [u8],
    pub(super) options: u32,
    pub(super) client: Option<Principal>,
    pub(super) server: Principal,
    pub(super) till: i64,
    pub(super) renew_till: Option<i64>,
    pub(super) nonce: u32,
    pub(super) kinds: Vec<EncryptionType>,
}

impl<'a> Question<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let (found, mut content, _) = Reader::new(bytes).any()?;
        let request = match found & 0x1f {
            tag::AS_REQUEST => KdcRequest::As,
            tag::TGS_REQUEST => KdcRequest::Tgs,
            _ => return Err(Error::malformed("a request", "its type is unknown")),
        };
        let mut message = content.sequence()?;
        message.context(1)?;
        message.context(2)?;
        let data = message.optional(3)?.map(pa_data_of).transpose()?.unwrap_or_default();
        let whole = message.context(4)?;
        let mut reader = whole;
        let mut body = reader.sequence()?;
        let options = body.context(0)?.flags()?;
        let client = body.optional(1)?;
        let realm = body.context(2)?.string()?;
        let client = client.map(|name| read_name(realm.clone(), name)).transpose()?;
        let server = read_name(realm, body.context(3)?)?;
        body.optional(4)?;
        let till = body.context(5)?.time()?;
        let renew_till = body.optional(6)?.map(|mut time| time.time()).transpose()?;
        let nonce = body.context(7)?.unsigned()?;
        let (mut list, mut kinds) = (body.context(8)?.sequence()?, Vec::new());
        while !list.is_empty() {
            kinds.extend(EncryptionType::of_number(list.number()?));
        }
        let body = whole.bytes();
        Ok(Self { request, data, body, options, client, server, till, renew_till, nonce, kinds })
    }
}

/// What a ticket says, and what the client is told of it.
#[derive(Debug)]
pub(super) struct Grant<'a> {
    pub(super) client: &'a Principal,
    pub(super) server: &'a Principal,
    pub(super) session: Key,
    pub(super) flags: u32,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) renew_till: Option<i64>,
}

impl Grant<'_> {
    /// The ticket, under a key of the service.
    fn ticket(&self, version: u32, key: &Key, moment: &Moment) -> Vec<u8> {
        let transited =
            der::sequence(&[der::context(0, &der::integer(0)), der::context(1, &der::octets(&[]))]);
        let plain = der::application(
            tag::TICKET_PART,
            &[
                der::context(0, &der::flags(self.flags)),
                der::context(1, &key_der(&self.session)),
                der::context(2, &der::string(&self.client.realm)),
                der::context(3, &name_der(self.client)),
                der::context(4, &transited),
                der::context(5, &der::time(self.start)),
                der::context(6, &der::time(self.start)),
                der::context(7, &der::time(self.end)),
                self.renew_till.map(|t| der::context(8, &der::time(t))).unwrap_or_default(),
            ],
        );
        let mut sealed = Sealed::seal(key, usage::TICKET, &moment.confounder(), &plain);
        sealed.version = Some(version);
        let parts = [
            der::context(0, &der::integer(5)),
            der::context(1, &der::string(&self.server.realm)),
            der::context(2, &name_der(self.server)),
            der::context(3, &sealed.der()),
        ];
        der::application(tag::TICKET, &parts)
    }

    /// The answer to a question: the ticket under the service's key, the rest under `reply_key`.
    pub(super) fn reply(
        &self,
        question: &Question<'_>,
        (version, key): &(u32, Key),
        reply_key: &Key,
        moment: &Moment,
    ) -> Vec<u8> {
        let (kind, part, usage) = match question.request {
            KdcRequest::As => (tag::AS_REPLY, tag::AS_REPLY_PART, usage::AS_REPLY),
            KdcRequest::Tgs => (tag::TGS_REPLY, tag::TGS_REPLY_PART, usage::TGS_REPLY),
        };
        let plain = der::application(
            part,
            &[
                der::context(0, &key_der(&self.session)),
                der::context(1, &der::sequence(&[])),
                der::context(2, &der::integer(question.nonce)),
                der::context(4, &der::flags(self.flags)),
                der::context(5, &der::time(self.start)),
                der::context(6, &der::time(self.start)),
                der::context(7, &der::time(self.end)),
                self.renew_till.map(|t| der::context(8, &der::time(t))).unwrap_or_default(),
                der::context(9, &der::string(&self.server.realm)),
                der::context(10, &name_der(self.server)),
            ],
        );
        let mut confounder = [0; 16];
        let random = moment.spare().into_iter().chain(moment.number().to_be_bytes());
        confounder.iter_mut().zip(random).for_each(|(to, from)| *to = from);
        let sealed = Sealed::seal(reply_key, usage, &confounder, &plain);
        let parts = [
            der::context(0, &der::integer(5)),
            der::context(1, &der::integer(kind)),
            der::context(3, &der::string(&self.client.realm)),
            der::context(4, &name_der(self.client)),
            der::context(5, &self.ticket(*version, key, moment)),
            der::context(6, &sealed.der()),
        ];
        der::application(kind, &parts)
    }
}

/// A KRB-ERROR.
pub(super) fn refusal(code: i32, server: &Principal, data: &[u8], moment: &Moment) -> Vec<u8> {
    let data = if data.is_empty() { Vec::new() } else { der::context(12, &der::octets(data)) };
    let parts = [
        der::context(0, &der::integer(5)),
        der::context(1, &der::integer(tag::REFUSAL)),
        der::context(4, &der::time(moment.seconds())),
        der::context(5, &der::integer(moment.micros())),
        der::context(6, &der::integer(code)),
        der::context(9, &der::string(&server.realm)),
        der::context(10, &name_der(server)),
        data,
    ];
    der::application(tag::REFUSAL, &parts)
}
