//! Messages, frames and record batches as lines of JSON: what `kurier wire` reads and writes.
//!
//! Each function takes one line, a JSON object, and gives back one line: what came in, and what was
//! made of it. A line that cannot be done comes back as [`Failed`], with `"error"` in it.
//!
//! ```
//! use kurier_protocol::rows;
//!
//! let line = rows::decode(r#"{"n":"ResponseHeader","v":0,"hex":"00000007"}"#)?;
//! assert_eq!(
//!     line,
//!     r#"{"n":"ResponseHeader","v":0,"hex":"00000007","j":{"correlationId":7}}"#
//! );
//! # Ok::<(), rows::Failed>(())
//! ```

use std::fmt;

use bytes::Bytes;
use serde_json::{Map, json};

use crate::api::{self, ApiInfo, MessageInfo};
use crate::api_key::ApiKey;
use crate::error::DecodeError;
use crate::error_code::ErrorCode;
use crate::json::{self, Json, JsonCause, JsonError, camel_case};
use crate::limits::ROW_RECORDS_MAX;
use crate::record::{
    DecompressLimits, Magic, OpenBatch, RecordBatch, RecordBatches, RecordError, RecordRef,
    TimestampType,
};
use crate::value::{self, Value};

/// Adds `"j"`, the JSON form of message `"n"` in version `"v"` with the bytes `"hex"`.
///
/// # Errors
///
/// [`Failed`] if the line is not such an object, or its bytes are not such a message.
pub fn decode(line: &str) -> Result<String, Failed> {
    each(line, |row| {
        let (info, version) = message(row)?;
        let json = json::decode(info, &hex(row)?, version).map_err(|e| Fault::decode(&e, 0))?;
        row.insert("j".to_owned(), json);
        Ok(())
    })
}

/// Adds `"hex"`, the bytes of message `"n"` in version `"v"` with the JSON form `"j"`.
///
/// # Errors
///
/// [`Failed`] if the line is not such an object, or the message cannot be written.
pub fn encode(line: &str) -> Result<String, Failed> {
    each(line, |row| {
        let (info, version) = message(row)?;
        let json = row.get("j").ok_or_else(|| Fault::of("\"j\" is missing: a message in JSON"))?;
        let bytes = json::encode(info, json, version).map_err(|e| Fault::encode(&e))?;
        row.insert("hex".to_owned(), hex_text(&bytes));
        Ok(())
    })
}

/// Adds `"header"` and `"j"` of a frame without its length: `"hex"`, a request if `"dir"` is `req`
/// and a response if it is `res`, of the API `"key"` in version `"ver"`.
///
/// # Errors
///
/// [`Failed`] if the line is not such an object, or its bytes are not such a frame.
pub fn decode_frame(line: &str) -> Result<String, Failed> {
    each(line, |row| {
        let key = ApiKey(number(row, "key", "the number of an API")?);
        let version = number(row, "ver", "the version of a message")?;
        let api = api::info(key).ok_or_else(|| Fault::unknown(&key.to_string(), version))?;
        let frame = hex(row)?;
        let (header, json) = match row.get("dir").and_then(Json::as_str) {
            Some("req") => open_request(api, version, &frame)?,
            Some("res") => open_response(api, version, &frame)?,
            _ => return Err(Fault::of("\"dir\" is wanted: \"req\" or \"res\"")),
        };
        row.insert("header".to_owned(), header);
        row.insert("j".to_owned(), json);
        Ok(())
    })
}

/// The text of a line, which JSON has in UTF-8.
///
/// # Errors
///
/// [`Failed`] with the first byte that is not.
pub fn text(line: &[u8]) -> Result<&str, Failed> {
    std::str::from_utf8(line).map_err(|error| {
        let cause = format!("the line is not UTF-8 at byte {}", error.valid_up_to());
        Failed::of(&String::from_utf8_lossy(line), Fault::of(cause))
    })
}

/// Adds `"batches"`, the record batches in the bytes `"hex"`. If they end inside of a batch, as the
/// answer to a fetch may, `"partialBytes"` counts what is left. A row may have
/// [`ROW_RECORDS_MAX`] records and headers: bytes that unpack to millions would be gigabytes of
/// text.
///
/// # Errors
///
/// [`Failed`] if the line is not such an object, or a batch is broken.
pub fn decode_records(line: &str) -> Result<String, Failed> {
    each(line, |row| {
        let bytes = hex(row)?;
        let length = bytes.len();
        let mut rest = RecordBatches::new(bytes);
        let mut batches = Vec::new();
        let mut room = ROW_RECORDS_MAX;
        loop {
            let offset = length - rest.remaining();
            let Some(batch) = rest.next() else { break };
            let batch = batch.map_err(|error| error.to_string());
            let batch = batch.and_then(|batch| print_batch(&batch, &mut room));
            batches.push(batch.map_err(|cause| Fault::records(cause, batches.len(), offset))?);
        }
        row.insert("batches".to_owned(), batches.into());
        if rest.is_partial() {
            row.insert("partialBytes".to_owned(), rest.remaining().into());
        }
        Ok(())
    })
}

/// A line that could not be done: what came in, and `"error"`, an object with `api`, `version`,
/// `field`, `offset` (of the byte in `"hex"`) and `cause`, as far as they are known.
#[derive(Clone, Debug)]
pub struct Failed {
    line: String,
    fault: Fault,
}

impl Failed {
    /// A line that is no row.
    fn of(line: &str, fault: Fault) -> Self {
        let row = json!({ "line": line, "error": fault.to_json() });
        Self { line: row.to_string(), fault }
    }

    /// The line to write.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl std::error::Error for Failed {}

/// What is wrong with a row.
#[derive(Clone, Debug, Default)]
struct Fault {
    api: Option<String>,
    version: Option<i16>,
    field: Option<String>,
    offset: Option<usize>,
    cause: String,
}

impl Fault {
    fn of(cause: impl fmt::Display) -> Self {
        Self { cause: cause.to_string(), ..Self::default() }
    }

    fn unknown(api: &str, version: i16) -> Self {
        let cause = "this build does not know the API".to_owned();
        Self { api: Some(api.to_owned()), version: Some(version), cause, ..Self::default() }
    }

    /// `start` is where the message begins in the bytes of the row.
    fn decode(error: &DecodeError, start: usize) -> Self {
        Self {
            api: Some(error.message().to_owned()),
            version: Some(error.version()),
            field: Some(camel_case(&error.field())).filter(|field| !field.is_empty()),
            offset: Some(start + error.offset()),
            cause: error.cause().to_string(),
        }
    }

    fn encode(error: &JsonError) -> Self {
        let cause = match error.cause() {
            JsonCause::Encode(error) => error.to_string(),
            cause => cause.to_string(),
        };
        Self {
            api: Some(error.message().to_owned()),
            version: Some(error.version()),
            field: Some(error.field().to_owned()).filter(|field| !field.is_empty()),
            offset: None,
            cause,
        }
    }

    fn records(cause: String, index: usize, offset: usize) -> Self {
        Self {
            field: Some(format!("batches[{index}]")),
            offset: Some(offset),
            cause,
            ..Self::default()
        }
    }

    fn to_json(&self) -> Json {
        let mut object = Map::new();
        let mut add = |name: &str, value: Option<Json>| {
            object.extend(value.map(|value| (name.to_owned(), value)));
        };
        add("api", self.api.clone().map(Json::from));
        add("version", self.version.map(Json::from));
        add("field", self.field.clone().map(Json::from));
        add("offset", self.offset.map(Json::from));
        add("cause", Some(self.cause.clone().into()));
        Json::Object(object)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.api.as_ref().zip(self.version);
        let places = [
            message.map(|(api, version)| format!("{api} v{version}")),
            self.field.as_ref().map(|field| format!("field {field}")),
            self.offset.map(|offset| format!("at byte {offset}")),
        ];
        let places: Vec<_> = places.into_iter().flatten().collect();
        let colon = if places.is_empty() { "" } else { ": " };
        write!(f, "{}{colon}{}", places.join(", "), self.cause)
    }
}

/// Does one line: a row comes in, and goes out with more in it, or with its error.
fn each(
    line: &str,
    work: impl FnOnce(&mut Map<String, Json>) -> Result<(), Fault>,
) -> Result<String, Failed> {
    let mut row = match serde_json::from_str(line) {
        Ok(Json::Object(row)) => row,
        other => {
            let cause = match other {
                Err(error) => format!("the line is not JSON: {error}"),
                Ok(_) => "the line is not a JSON object".to_owned(),
            };
            return Err(Failed::of(line, Fault::of(cause)));
        }
    };
    row.shift_remove("error");
    match work(&mut row) {
        Ok(()) => Ok(Json::Object(row).to_string()),
        Err(fault) => {
            row.insert("error".to_owned(), fault.to_json());
            Err(Failed { line: Json::Object(row).to_string(), fault })
        }
    }
}

/// A header and a body in JSON.
type Opened = (Json, Json);

fn open_request(api: &ApiInfo, version: i16, frame: &Bytes) -> Result<Opened, Fault> {
    let header_version = api.request_header_version(version);
    let (header, body) = open("RequestHeader", header_version, frame)?;
    let said = [("requestApiKey", api.key.0, 0), ("requestApiVersion", version, 2)];
    for (name, in_row, offset) in said {
        let in_bytes = header.get(name).and_then(Json::as_i64).unwrap_or_default();
        if in_bytes != i64::from(in_row) {
            return Err(Fault {
                api: Some("RequestHeader".to_owned()),
                version: Some(header_version),
                field: Some(name.to_owned()),
                offset: Some(offset),
                cause: format!("it is {in_bytes} in the bytes, and {in_row} in the row"),
            });
        }
    }
    let json = open_body(&api.request, version, frame, body)?;
    Ok((header, json))
}

fn open_response(api: &ApiInfo, version: i16, frame: &Bytes) -> Result<Opened, Fault> {
    let header_version = api.response_header_version(version);
    let (header, body) = open("ResponseHeader", header_version, frame)?;
    // A broker that lacks the version of an ApiVersions request answers in version 0 (KIP-511).
    let refused = ErrorCode::UNSUPPORTED_VERSION.0.to_be_bytes();
    let is_refused = frame.get(body..).is_some_and(|body| body.starts_with(&refused));
    let version = if api.key == ApiKey::API_VERSIONS && is_refused { 0 } else { version };
    let json = open_body(&api.response, version, frame, body)?;
    Ok((header, json))
}

/// The header in JSON, and where the body begins.
fn open(name: &str, version: i16, frame: &Bytes) -> Result<(Json, usize), Fault> {
    let info = api::message(name).ok_or_else(|| Fault::unknown(name, version))?;
    let (header, length): (Value, usize) =
        value::decode_prefix(info, frame, version).map_err(|error| Fault::decode(&error, 0))?;
    Ok((json::print(info, &header, version), length))
}

fn open_body(info: &MessageInfo, version: i16, frame: &Bytes, start: usize) -> Result<Json, Fault> {
    let body = frame.slice(start..);
    json::decode(info, &body, version).map_err(|error| Fault::decode(&error, start))
}

fn print_batch(batch: &RecordBatch, room: &mut usize) -> Result<Json, String> {
    let open = batch.open(&DecompressLimits::default()).map_err(|error| error.to_string())?;
    let timestamp_type = match batch.timestamp_type() {
        None => "NoTimestampType",
        Some(TimestampType::CreateTime) => "CreateTime",
        Some(TimestampType::LogAppendTime) => "LogAppendTime",
    };
    let mut row = json!({
        "magic": batch.magic().number(),
        "baseOffset": open.base_offset(),
        "lastOffset": batch.last_offset(),
        "compression": batch.compression().to_string(),
        "timestampType": timestamp_type,
        "maxTimestamp": batch.max_timestamp(),
        "producerId": batch.producer_id(),
        "producerEpoch": batch.producer_epoch(),
        "baseSequence": batch.base_sequence(),
        "transactional": batch.is_transactional(),
        "control": batch.is_control(),
        "partitionLeaderEpoch": batch.partition_leader_epoch(),
        "size": batch.bytes().len(),
        "records": print_records(&open, room)?,
    });
    if let (true, Some(object)) = (batch.magic() >= Magic::V2, row.as_object_mut()) {
        let place = object.len() - 2;
        object.shift_insert(place, "count".to_owned(), batch.record_count().into());
    }
    Ok(row)
}

/// Takes the room that each record and header needs.
fn print_records(open: &OpenBatch, room: &mut usize) -> Result<Json, String> {
    let optional = |bytes: Option<&[u8]>| bytes.map_or(Json::Null, hex_text);
    let print = |record: Result<RecordRef<'_>, RecordError>| {
        let record = record.map_err(|error| error.to_string())?;
        let headers: Vec<_> = record.headers().take(*room).collect();
        let left = room.checked_sub(1 + headers.len());
        *room = left.ok_or_else(|| {
            format!("a row has more than {ROW_RECORDS_MAX} records and headers; split its batches")
        })?;
        let headers = headers.iter().map(|h| json!([h.key_str(), optional(h.value)]));
        Ok(json!({
            "offset": record.offset,
            "timestamp": record.timestamp,
            "sequence": open.batch().sequence_of(record.offset),
            "key": optional(record.key),
            "value": optional(record.value),
            "headers": headers.collect::<Json>(),
        }))
    };
    open.records().map(print).collect()
}

/// The message that a row names, and its version.
fn message(row: &Map<String, Json>) -> Result<(&'static MessageInfo, i16), Fault> {
    let name = row.get("n").and_then(Json::as_str);
    let name = name.ok_or_else(|| Fault::of("\"n\" is wanted: the name of a message"))?;
    let version = number(row, "v", "the version of a message")?;
    let info = api::message(name).ok_or_else(|| Fault::unknown(name, version))?;
    Ok((info, version))
}

fn number(row: &Map<String, Json>, name: &str, what: &str) -> Result<i16, Fault> {
    let number = row.get(name).and_then(Json::as_i64).and_then(|n| i16::try_from(n).ok());
    number.ok_or_else(|| Fault::of(format_args!("\"{name}\" is wanted: {what}")))
}

fn hex(row: &Map<String, Json>) -> Result<Bytes, Fault> {
    let text = row.get("hex").and_then(Json::as_str);
    let text = text.ok_or_else(|| Fault::of("\"hex\" is wanted: bytes as hex digits"))?;
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for (index, pair) in text.as_bytes().chunks(2).enumerate() {
        let byte = std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'));
        let byte = byte.filter(|pair| pair.len() == 2);
        let byte = byte.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(byte.ok_or_else(|| Fault {
            field: Some("hex".to_owned()),
            offset: Some(index),
            ..Fault::of("two hex digits are wanted for each byte")
        })?);
    }
    Ok(bytes.into())
}

fn hex_text(bytes: &[u8]) -> Json {
    let digit = |bits: u8| char::from_digit(bits.into(), 16).unwrap_or_default();
    Json::String(bytes.iter().flat_map(|&b| [digit(b >> 4), digit(b & 15)]).collect())
}
