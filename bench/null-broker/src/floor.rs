//! What a machine can do: the calibration beside every run, and the least that a produced record
//! costs, by a loop that does nothing else.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::processor::{best, used};
use crate::values::{SEED, values};

/// Two figures by which runs are told apart that other work has disturbed: arithmetic in the first
/// caches, and a copy of 64 MiB.
pub fn calibrate() -> Result<(), String> {
    let numbers: Vec<u64> = (0..16_384).collect();
    let cached = best(5, || {
        let mut sum = 0_u64;
        for factor in 0..400 {
            for number in &numbers {
                sum = sum.rotate_left(5) ^ number.wrapping_mul(factor | 1);
            }
        }
        black_box(sum);
    })?;
    let from = vec![7_u8; 64 << 20];
    let mut to = vec![1_u8; 64 << 20];
    let copied = best(3, || {
        to.copy_from_slice(black_box(&from));
        black_box(&to);
    })?;
    println!("{:.3} {:.3}", cached / 1e6, copied / 1e6);
    Ok(())
}

/// A JSON object: `SIZE-CODEC`, and the ns of encoding, compression, checksum and the way into the
/// socket; `consume-SIZE-none`, and the ns of the way out of the socket, checksum and reading.
pub fn print() -> Result<(), String> {
    let send = send_byte()?;
    let mut cells = Vec::new();
    for size in [100, 1024] {
        let values = values(size, VALUES_BYTES / size, SEED);
        let each = |ns: f64| ns / values.len() as f64;
        // All of them in turn: a processor learns a single batch by heart.
        let batches = || values.chunks(BATCH_BYTES / (size + 10));
        let mut batch = Vec::with_capacity(2 * BATCH_BYTES);
        let encode = best(ROUNDS, || batches().for_each(|values| encode(values, &mut batch)))?;
        let plain: Vec<Vec<u8>> = batches().map(encoded).collect();
        let compress = best(ROUNDS, || {
            for batch in &plain {
                black_box(lz4_flex::block::compress(black_box(batch)));
            }
        })?;
        let packed: Vec<_> = plain.iter().map(|batch| lz4_flex::block::compress(batch)).collect();
        for (codec, batches, compress) in [("none", &plain, 0.0), ("lz4", &packed, compress)] {
            let checksum = best(ROUNDS, || {
                for batch in batches {
                    black_box(crc32c::crc32c(black_box(batch)));
                }
            })?;
            let send = send * batches.iter().map(Vec::len).sum::<usize>() as f64;
            let floor = each(encode + compress + checksum + send);
            cells.push(format!("\"{size}-{codec}\":{floor:.1}"));
        }
        let consumed = consume_record(&plain)?;
        cells.push(format!("\"consume-{size}-none\":{consumed:.1}"));
    }
    println!("{{{}}}", cells.join(","));
    Ok(())
}

fn encoded(values: &[Vec<u8>]) -> Vec<u8> {
    let mut batch = Vec::new();
    encode(values, &mut batch);
    batch
}

/// Records of magic 2, without key and headers.
fn encode(values: &[Vec<u8>], batch: &mut Vec<u8>) {
    batch.clear();
    for (offset, value) in (0_u64..).zip(values) {
        let length = value.len() as u64;
        let (offset, zigzag) = (2 * offset, 2 * length);
        let rest = 4 + varint_length(offset) + varint_length(zigzag) + length;
        varint(2 * rest, batch);
        batch.extend_from_slice(&[0, 0]); // attributes, time
        varint(offset, batch);
        batch.push(1); // a null key
        varint(zigzag, batch);
        batch.extend_from_slice(value);
        batch.push(0); // headers
    }
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn varint_length(number: u64) -> u64 {
    u64::from(70 - (number | 1).leading_zeros()) / 7
}

/// CPU ns of a byte that goes into a socket of this machine, in pieces of 1 MiB.
fn send_byte() -> Result<f64, String> {
    let failed = |error: std::io::Error| error.to_string();
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let reader = thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else { return };
        let mut buffer = vec![0; 1 << 20];
        while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    let mut stream = TcpStream::connect(address).map_err(failed)?;
    let piece = vec![3; 1 << 20];
    let mut least = f64::INFINITY;
    for _ in 0..4 {
        let before = used()?;
        for _ in 0..PIECES {
            stream.write_all(&piece).map_err(failed)?;
        }
        let took = used()? - before;
        least = least.min(took.as_nanos() as f64 / (PIECES * piece.len()) as f64);
    }
    drop(stream);
    // It ends with the stream.
    let _ = reader.join();
    Ok(least)
}

/// CPU ns of a record that comes out of a socket of this machine, in pieces of 1 MiB that lie in
/// the same memory, its checksum and all its fields but the value, which nobody looks at.
fn consume_record(batches: &[Vec<u8>]) -> Result<f64, String> {
    let failed = |error: std::io::Error| error.to_string();
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let batches: Vec<Vec<u8>> = batches.iter().map(|batch| framed(batch)).collect();
    let writer = thread::spawn(move || {
        let Ok(mut stream) = TcpStream::connect(address) else { return };
        for batch in batches.iter().cycle() {
            if stream.write_all(batch).is_err() {
                return;
            }
        }
    });
    let (mut stream, _) = listener.accept().map_err(failed)?;
    let mut buffer = vec![0; 1 << 20];
    let (mut have, mut least) = (0, f64::INFINITY);
    for _ in 0..4 {
        let (before, mut records) = (used()?, 0_u64);
        for _ in 0..PIECES {
            while have < buffer.len() {
                have += stream.read(&mut buffer[have..]).map_err(failed)?;
            }
            let mut rest = &buffer[..];
            while let Some((length, behind)) = rest.split_first_chunk::<4>()
                && let Some((batch, behind)) =
                    behind.split_at_checked(u32::from_be_bytes(*length) as usize)
            {
                black_box(crc32c::crc32c(batch));
                records += read(batch);
                rest = behind;
            }
            have = rest.len();
            let kept = buffer.len() - have;
            buffer.copy_within(kept.., 0);
        }
        let took = used()? - before;
        least = least.min(took.as_nanos() as f64 / records as f64);
    }
    drop(stream);
    // It ends with the stream.
    let _ = writer.join();
    Ok(least)
}

/// With its length in front.
fn framed(batch: &[u8]) -> Vec<u8> {
    let mut framed = (batch.len() as u32).to_be_bytes().to_vec();
    framed.extend_from_slice(batch);
    framed
}

/// How many records there are, once every field but the value was looked at.
fn read(batch: &[u8]) -> u64 {
    let (mut rest, mut records, mut sum) = (batch, 0, 0_u64);
    while !rest.is_empty() {
        let length = take(&mut rest) / 2;
        let (mut record, behind) = rest.split_at(length as usize);
        record = &record[1..];
        sum += take(&mut record) + take(&mut record) + take(&mut record);
        let value = take(&mut record) / 2;
        sum += value + u64::from(record[value as usize]);
        (rest, records) = (behind, records + 1);
    }
    black_box(sum);
    records
}

fn take(from: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    while let Some((byte, rest)) = from.split_first() {
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

const BATCH_BYTES: usize = 64 << 10;
/// As many as the clients send.
const VALUES_BYTES: usize = 2_000_000;
const ROUNDS: u32 = 15;
const PIECES: usize = 128;
