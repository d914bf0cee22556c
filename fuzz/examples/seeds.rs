//! Writes seeds for libFuzzer, a folder a target: `seeds DIR`. They are what Apache Kafka's classes
//! wrote, one for each message in each version, and inputs that the targets' own makers make.

#![expect(clippy::indexing_slicing, reason = "what JSON does not have is null")]

use std::error::Error;
use std::fs;
use std::io::Read;
use std::path::Path;

use kurier_fuzz::half::{Direction, Half};
use kurier_fuzz::random::Random;
use kurier_fuzz::targets;
use serde_json::Value as Json;

const MESSAGES: &[u8] = include_bytes!("../../protocol/tests/golden/messages.jsonl.gz");
const MADE_PER_TARGET: usize = 300;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: seeds DIR")?;
    let folder = Path::new(&folder);
    let mut count = 0;
    for target in targets::ALL {
        fs::create_dir_all(folder.join(target.name))?;
        let mut random = Random::from_bytes(target.name.as_bytes());
        for number in 0..MADE_PER_TARGET {
            let file = folder.join(target.name).join(format!("made-{number}"));
            fs::write(file, (target.make)(&mut random))?;
            count += 1;
        }
    }
    let mut text = String::new();
    flate2::read::GzDecoder::new(MESSAGES).read_to_string(&mut text)?;
    for line in text.lines() {
        let row: Json = serde_json::from_str(line)?;
        let (name, version) = (row["n"].as_str().unwrap_or_default(), row["v"].as_i64());
        let is_row =
            |half: &Half| half.info().name == name && version == Some(half.version().into());
        let Some(half) = Half::all().find(is_row) else { continue };
        let target = match half.direction() {
            Direction::Request => "decode_request",
            Direction::Response => "decode_response",
        };
        let head = [u8::try_from(half.key().0)?, u8::try_from(half.version())?];
        let body = unhex(row["hex"].as_str().unwrap_or_default())?;
        let file = row["id"].as_str().unwrap_or(name).replace('/', "-");
        fs::write(folder.join(target).join(file), [&head[..], &body].concat())?;
        count += 1;
    }
    println!("{count} seeds");
    Ok(())
}

fn unhex(hex: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let pair = |at| {
        let digits = hex.get(at..at + 2).ok_or("half a byte")?;
        u8::from_str_radix(digits, 16).map_err(Box::<dyn Error>::from)
    };
    (0..hex.len()).step_by(2).map(pair).collect()
}
