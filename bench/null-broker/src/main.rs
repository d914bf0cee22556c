//! `null-broker`: takes records and forgets them, or gives the same ones for ever; and what goes
//! with it, so that clients are measured alike: values, a calibration, the floor of a machine.
//!
//! ```text
//! null-broker serve PORT [--validate]   a broker on 127.0.0.1, until it is ended
//! null-broker values SIZE COUNT FILE    values like small JSON documents, one behind the other
//! null-broker calibrate                 CPU ms of a loop in the cache, and of a copy of memory
//! null-broker floor                     CPU ns that a produced record costs at least, as JSON
//! ```
//!
//! A topic's name says what it is; `-pN` at its end gives it N partitions:
//!
//! ```text
//! src-SIZE-CODEC   the same 16 batches of 64 KiB in turn, without an end; CODEC is none or lz4
//! log-..           what was produced, 64 MiB of it, is consumed
//! anything else    what was produced is counted and dropped
//! ```

mod values;
mod topic;
mod answer;
mod connection;
mod processor;
mod floor;

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use answer::Broker;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["serve", port, rest @ ..] if matches!(rest, [] | ["--validate"]) => {
            serve(port, !rest.is_empty())
        }
        ["values", size, count, file] => write_values(size, count, file),
        ["calibrate"] => floor::calibrate(),
        ["floor"] => floor::print(),
        _ => Err("serve PORT [--validate] | values SIZE COUNT FILE | calibrate | floor".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("null-broker: {why}");
            ExitCode::FAILURE
        }
    }
}

fn serve(port: &str, validates: bool) -> Result<(), String> {
    let port = number(port)?;
    let listener = TcpListener::bind(("127.0.0.1", port)).map_err(|error| error.to_string())?;
    let broker = Arc::new(Broker::new(port, validates));
    // A thread for each: a readiness call for each request would be what costs most.
    for stream in listener.incoming().flatten() {
        let broker = Arc::clone(&broker);
        thread::spawn(move || connection::serve(&broker, stream));
    }
    Ok(())
}

fn write_values(size: &str, count: &str, file: &str) -> Result<(), String> {
    let values = values::values(number(size)?, number(count)?, values::SEED);
    std::fs::write(file, values.concat()).map_err(|error| format!("{file}: {error}"))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is no number that can be meant"))
}
