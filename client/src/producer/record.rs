//! `Record`: what a producer is asked to send, borrowed from the caller.

use kurier_protocol::record::Header;

/// A record to be sent. It borrows everything: the producer encodes it into a batch before
/// `enqueue` returns, so nothing is copied twice and nothing needs to live on.
///
/// ```
/// use kurier_client::Record;
///
/// let record = Record::to("orders").key("k").value(b"v").header("trace", "1").timestamp(17);
/// let tombstone = Record::to("orders").key("k"); // no value: null
/// # let _ = (record, tombstone);
/// ```
#[derive(Clone, Debug)]
pub struct Record<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: Option<i32>,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    headers: Headers<'a>,
    pub(crate) timestamp: Option<i64>,
}

/// As a `Cow`, which would fix the record's lifetime: one that lives longer shall do as well.
#[derive(Clone, Debug)]
enum Headers<'a> {
    Given(&'a [Header<'a>]),
    Added(Vec<Header<'a>>),
}

impl<'a> Record<'a> {
    /// A record for a topic, with null key and value.
    #[must_use]
    pub fn to(topic: &'a str) -> Self {
        Self {
            topic,
            partition: None,
            key: None,
            value: None,
            headers: Headers::Given(&[]),
            timestamp: None,
        }
    }

    /// With this key.
    #[must_use]
    pub fn key<B: AsRef<[u8]> + ?Sized>(self, key: &'a B) -> Self {
        Self { key: Some(key.as_ref()), ..self }
    }

    /// With this key, or null.
    #[must_use]
    pub fn key_opt(self, key: Option<&'a [u8]>) -> Self {
        Self { key, ..self }
    }

    /// With this value.
    #[must_use]
    pub fn value<B: AsRef<[u8]> + ?Sized>(self, value: &'a B) -> Self {
        Self { value: Some(value.as_ref()), ..self }
    }

    /// With this value, or null (a tombstone in a compacted topic).
    #[must_use]
    pub fn value_opt(self, value: Option<&'a [u8]>) -> Self {
        Self { value, ..self }
    }

    /// With one more header. Keys may repeat. Headers need Kafka 0.11.
    #[must_use]
    pub fn header<B: AsRef<[u8]> + ?Sized>(self, key: &'a str, value: &'a B) -> Self {
        self.header_opt(key, Some(value.as_ref()))
    }

    /// With one more header whose value may be null.
    #[must_use]
    pub fn header_opt(mut self, key: &'a str, value: Option<&'a [u8]>) -> Self {
        let mut headers = match self.headers {
            Headers::Given(given) => given.to_vec(),
            Headers::Added(added) => added,
        };
        headers.push(Header::new(key, value));
        self.headers = Headers::Added(headers);
        self
    }

    /// With these headers in place of those given before.
    #[must_use]
    pub fn headers(self, headers: &'a [Header<'a>]) -> Self {
        Self { headers: Headers::Given(headers), ..self }
    }

    /// With this timestamp, in milliseconds since 1970; -1 is kept as Kafka's number for none, and
    /// less is [`Error::Invalid`](crate::Error::Invalid) where it is sent. A record that is given
    /// no timestamp gets the time at which its batch was opened, at most the linger and 10 ms
    /// before it was sent.
    #[must_use]
    pub fn timestamp(self, millis: i64) -> Self {
        Self { timestamp: Some(millis), ..self }
    }

    /// To this partition, whatever the key.
    #[must_use]
    pub fn partition(self, partition: i32) -> Self {
        Self { partition: Some(partition), ..self }
    }

    #[inline]
    pub(crate) fn all_headers(&self) -> &[Header<'a>] {
        match &self.headers {
            Headers::Given(given) => given,
            Headers::Added(added) => added,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_may_repeat_and_be_null() {
        let record = Record::to("t").header("h", "1").header_opt("h", None).header("h", b"");
        let values: Vec<_> = record.all_headers().iter().map(|h| h.value).collect();
        assert_eq!(values, [Some(&b"1"[..]), None, Some(&b""[..])]);
    }

    #[test]
    fn key_and_value_are_null_unless_given() {
        let record = Record::to("t").key("");
        assert_eq!((record.key, record.value), (Some(&b""[..]), None));
    }
}
