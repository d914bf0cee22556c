//! One side of the comparison: a broker, the connections to it, and what it has said.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use kurier_protocol::api::{self, ApiInfo};
use kurier_protocol::{ApiKey, json, rows};
use serde_json::{Value as Json, json};

use super::request::{Kept, full};
use super::step::Ask;

/// A broker that answers.
#[derive(Debug)]
pub(super) struct Peer {
    address: String,
    connections: HashMap<String, TcpStream>,
    next_id: i32,
    pub(super) kept: Kept,
}

/// A request that was sent.
#[derive(Debug)]
pub(super) struct Sent {
    api: &'static ApiInfo,
    version: i16,
    id: i32,
    /// Produce without acknowledgements gets no answer.
    is_answered: bool,
}

impl Peer {
    pub(super) fn new(address: &str, kept: Kept) -> Self {
        Self { address: address.to_owned(), connections: HashMap::new(), next_id: 0, kept }
    }

    /// Sends a request and takes its answer.
    pub(super) fn ask(&mut self, connection: &str, ask: &Ask, version: i16) -> Json {
        let sent = self.send(connection, ask, version);
        self.receive(connection, &sent)
    }

    pub(super) fn send(&mut self, connection: &str, ask: &Ask, version: i16) -> Sent {
        let api = api_of(&ask.api);
        // A version that nobody has looks like the newest.
        let shape = version.min(*api.request.versions.end());
        let request = full(&api.request, &ask.request, shape, &self.kept);
        self.next_id += 1;
        let id = self.next_id;
        let header = json!({
            "requestApiKey": api.key.0,
            "requestApiVersion": version,
            "correlationId": id,
            "clientId": "answers",
        });
        let of_header = api::message("RequestHeader").unwrap();
        let mut frame = vec![0; 4];
        frame
            .extend(json::encode(of_header, &header, api.request_header_version(version)).unwrap());
        frame.extend(json::encode(&api.request, &request, shape).unwrap());
        let length = u32::try_from(frame.len() - 4).unwrap();
        frame[..4].copy_from_slice(&length.to_be_bytes());
        let stream = self.connections.entry(connection.to_owned()).or_insert_with(|| {
            let stream = TcpStream::connect(&self.address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.set_nodelay(true).unwrap();
            stream
        });
        stream.write_all(&frame).unwrap();
        let is_answered = api.key != ApiKey::PRODUCE || request["acks"] != 0;
        Sent { api, version, id, is_answered }
    }

    /// The answer in Kafka's JSON form, records opened; or that there is none.
    pub(super) fn receive(&mut self, connection: &str, sent: &Sent) -> Json {
        if !sent.is_answered {
            return json!({ "answer": "none" });
        }
        let frame = match read_frame(&self.connections[connection]) {
            Ok(frame) => frame,
            Err(error) => {
                self.connections.remove(connection);
                let waits = matches!(error.kind(), io::ErrorKind::WouldBlock);
                let what = if waits { "none in time" } else { "the connection is closed" };
                return json!({ "answer": what });
            }
        };
        let row = json!({
            "key": sent.api.key.0, "ver": sent.version, "dir": "res", "hex": hex(&frame),
        });
        let row: Json =
            serde_json::from_str(&rows::decode_frame(&row.to_string()).unwrap()).unwrap();
        assert_eq!(row["header"]["correlationId"], sent.id, "the answer to another request");
        let mut answer = row["j"].clone();
        if sent.api.key == ApiKey::FETCH {
            open_records(&mut answer);
        }
        answer
    }

    /// Keeps parts of an answer for requests to come.
    pub(super) fn keep(&mut self, ask: &Ask, answer: &Json) {
        for (name, pointer) in &ask.keep {
            let value = answer.pointer(pointer).cloned();
            self.kept.insert(name.clone(), value.unwrap_or_else(|| MISSING.into()));
        }
    }
}

/// The API of this name.
pub(super) fn api_of(name: &str) -> &'static ApiInfo {
    let found = api::apis().iter().find(|api| api.key.name() == Some(name));
    found.unwrap_or_else(|| panic!("no API is called {name}"))
}

/// A frame without its length.
fn read_frame(mut stream: &TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut frame)?;
    Ok(frame)
}

/// Puts batches in place of every field `records`.
fn open_records(json: &mut Json) {
    match json {
        Json::Object(object) => {
            for (name, json) in object {
                match json.as_str() {
                    Some(text) if name == "records" => *json = batches(text),
                    _ => open_records(json),
                }
            }
        }
        Json::Array(elements) => elements.iter_mut().for_each(open_records),
        _ => {}
    }
}

fn batches(base64: &str) -> Json {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(base64).unwrap();
    let row = json!({ "hex": hex(&bytes) }).to_string();
    let mut row: Json = serde_json::from_str(&rows::decode_records(&row).unwrap()).unwrap();
    let mut batches = row["batches"].take();
    for marker in batches.as_array_mut().unwrap().iter_mut().filter(|b| b["control"] == true) {
        // The broker's own time, and not a field that is never compared: producers set theirs.
        marker["maxTimestamp"] = "of the marker".into();
        for record in marker["records"].as_array_mut().unwrap() {
            record["timestamp"] = "of the marker".into();
        }
    }
    batches
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is kept of an answer that has no such part: it fits in most fields.
const MISSING: &str = "";

/// How long an answer may take; a request that waits says for how long itself.
const PATIENCE: Duration = Duration::from_secs(10);
