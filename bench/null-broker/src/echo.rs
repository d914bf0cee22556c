//! The least that a record takes from one end to the other at a fixed rate: 100 bytes to a thread
//! that sends them back, over loopback, each a write and a read.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Prints us from when a record was to be sent until it was back, as JSON.
///
/// # Errors
///
/// There is no loopback.
pub fn print(rate: u64, secs: u64) -> Result<(), String> {
    let mut found = measure(rate.max(1), secs).map_err(|error| error.to_string())?;
    found.sort_unstable();
    let at = |per_mille: usize| {
        let sample = found.get(found.len().saturating_sub(1) * per_mille / 1000);
        sample.map_or(0, Duration::as_micros)
    };
    let [p50, p90, p99, p999, max] = [500, 900, 990, 999, 1000].map(at);
    let count = found.len();
    println!(
        r#"{{"client":"echo","mode":"e2e","sent":{count},"received":{count},"p50_us":{p50},"p90_us":{p90},"p99_us":{p99},"p999_us":{p999},"max_us":{max}}}"#
    );
    Ok(())
}

fn measure(rate: u64, secs: u64) -> io::Result<Vec<Duration>> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut near = TcpStream::connect(listener.local_addr()?)?;
    let (mut far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    thread::spawn(move || {
        let mut record = [0; BYTES];
        while far.read_exact(&mut record).and_then(|()| far.write_all(&record)).is_ok() {}
    });
    let (count, begin) = (rate * (WARMUP_SECS + secs), Instant::now());
    let due = move |number: u64| Duration::from_nanos(number * 1_000_000_000 / rate);
    let mut back = near.try_clone()?;
    let reader = thread::spawn(move || {
        let mut record = [0; BYTES];
        let mut found = Vec::new();
        for number in 0..count {
            back.read_exact(&mut record)?;
            if number >= rate * WARMUP_SECS {
                found.push(begin.elapsed().saturating_sub(due(number)));
            }
        }
        Ok(found)
    });
    for number in 0..count {
        while let Some(left) = due(number).checked_sub(begin.elapsed())
            && !left.is_zero()
        {
            thread::park_timeout(left);
        }
        near.write_all(&[0; BYTES])?;
    }
    reader.join().unwrap_or_else(|_| Err(io::Error::other("the reader has panicked")))
}

const BYTES: usize = 100;

/// As `kurier bench e2e`.
const WARMUP_SECS: u64 = 2;
