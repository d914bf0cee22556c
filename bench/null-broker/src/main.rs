//! `null-broker`: takes records and forgets them, or gives the same ones for ever; and what goes
//! with it, so that clients are measured alike: values, a calibration, the floor of a machine.
//!
//! ```text
//! null-broker serve PORT [--validate]   a broker on 127.0.0.1, until it is ended
//! null-broker serve PORT --delay MS     the same, as far away: each Fetch is answered so much later
//! null-broker values SIZE COUNT FILE    values like small JSON documents, one behind the other
//! null-broker calibrate                 CPU ms of a loop in the cache, and of a copy of memory
//! null-broker floor                     CPU ns that a produced record costs at least, as JSON
//! null-broker echo RATE SECS            us that a record takes at least there and back, as JSON
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
mod echo;

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use answer::Broker;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["serve", port] => serve(port, false, "0"),
        ["serve", port, "--validate"] => serve(port, true, "0"),
        ["serve", port, "--delay", millis] => serve(port, false, millis),
        ["values", size, count, file] => write_values(size, count, file),
        ["calibrate"] => floor::calibrate(),
        ["floor"] => floor::print(),
        ["echo", rate, secs] => echo(rate, secs),
        _ => Err(WORDS.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("null-broker: {why}");
            ExitCode::FAILURE
        }
    }
}

const WORDS: &str = "serve PORT [--validate | --delay MS] | values SIZE COUNT FILE | calibrate | \
                     floor | echo RATE SECS";

fn echo(rate: &str, secs: &str) -> Result<(), String> {
    echo::print(number(rate)?, number(secs)?)
}

fn serve(port: &str, validates: bool, delay_ms: &str) -> Result<(), String> {
    let port = number(port)?;
    let delay = Duration::from_millis(number(delay_ms)?);
    let listener = TcpListener::bind(("127.0.0.1", port)).map_err(|error| error.to_string())?;
    let broker = Arc::new(Broker::new(port, validates, delay));
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
