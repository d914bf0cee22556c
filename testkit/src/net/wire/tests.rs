//! A wire, by moving the time.

use super::*;
use crate::net::link::{Change, Latency, Links, Rules};

const MS: Duration = Duration::from_millis(1);

fn start() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn link(changes: &[Change]) -> Link {
    let mut rules = Rules::default();
    changes.iter().for_each(|change| rules.push(Links::default(), *change));
    rules.link("a", 1)
}

fn write(wire: &mut Wire, now: Instant, bytes: &[u8], link: &Link) -> usize {
    wire.write(now, &[IoSlice::new(bytes)], link, 0)
}

fn read(wire: &mut Wire, now: Instant) -> Vec<u8> {
    let mut room = [0; 100];
    let mut buffer = ReadBuf::new(&mut room);
    wire.read(now, &mut buffer, 100);
    buffer.filled().to_vec()
}

#[test]
fn bytes_arrive_after_the_latency_and_the_end_after_them() {
    let (mut wire, start) = (Wire::default(), start());
    let slow = link(&[Change::Latency((5 * MS).into())]);
    write(&mut wire, start, b"abc", &slow);
    wire.end(start + MS, End::Finished, &slow, 0);
    assert_eq!(wire.next(start + 4 * MS), Next::At(start + 5 * MS));
    assert_eq!(read(&mut wire, start + 4 * MS), b"");
    assert_eq!(read(&mut wire, start + 5 * MS), b"abc");
    assert_eq!(wire.next(start + 5 * MS), Next::At(start + 6 * MS));
    assert_eq!(wire.next(start + 6 * MS), Next::End);
}

#[test]
fn what_never_arrives_is_waited_for_and_overflows_nothing() {
    let (mut wire, start) = (Wire::default(), start());
    let mut never = link(&[Change::Latency(Duration::MAX.into())]);
    never.bytes_per_second = Some(1);
    for _ in 0..10 {
        write(&mut wire, start, b"abc", &never);
    }
    wire.end(start, End::Finished, &never, 0);
    assert!(matches!(wire.next(start + Duration::from_secs(1 << 30)), Next::At(_)));
}

#[test]
fn nothing_overtakes_when_the_latency_falls() {
    let (mut wire, start) = (Wire::default(), start());
    write(&mut wire, start, b"a", &link(&[Change::Latency((9 * MS).into())]));
    write(&mut wire, start + MS, b"b", &link(&[]));
    wire.end(start + 2 * MS, End::Gone, &link(&[]), 0);
    assert_eq!(read(&mut wire, start + 8 * MS), b"");
    assert!(!wire.is_gone(start + 8 * MS));
    assert_eq!(read(&mut wire, start + 9 * MS), b"ab");
    assert!(wire.is_gone(start + 9 * MS));
}

#[test]
fn bandwidth_spaces_what_is_sent_at_once() {
    let (mut wire, start) = (Wire::default(), start());
    let narrow = link(&[Change::Bandwidth(Some(1000)), Change::Latency(Latency::from(MS))]);
    write(&mut wire, start, b"0123456789", &narrow);
    write(&mut wire, start, b"01234", &narrow);
    assert_eq!(wire.next(start), Next::At(start + 11 * MS));
    assert_eq!(read(&mut wire, start + 11 * MS).len(), 10);
    assert_eq!(wire.next(start + 11 * MS), Next::At(start + 16 * MS));
}

#[test]
fn what_is_under_way_when_a_wire_is_blocked_arrives_after_the_heal() {
    let (mut wire, start) = (Wire::default(), start());
    let slow = link(&[Change::Latency((5 * MS).into())]);
    write(&mut wire, start, b"a", &slow);
    write(&mut wire, start + 3 * MS, b"b", &slow);
    wire.block(start + 5 * MS);
    write(&mut wire, start + 5 * MS, b"c", &link(&[]));
    assert_eq!(read(&mut wire, start + 60 * MS), b"a", "it had arrived");
    assert_eq!(wire.next(start + 60 * MS), Next::Nothing);
    assert!(wire.unblock(start + 65 * MS));
    assert_eq!(wire.next(start + 60 * MS), Next::At(start + 65 * MS));
    write(&mut wire, start + 60 * MS, b"d", &link(&[]));
    assert_eq!(read(&mut wire, start + 65 * MS), b"bcd");
    assert!(!wire.unblock(start + 70 * MS), "it was not blocked");
}

#[test]
fn a_dead_wire_stays_dead() {
    let (mut wire, start) = (Wire::default(), start());
    wire.kill(start);
    write(&mut wire, start, b"a", &link(&[]));
    assert!(!wire.unblock(start));
    assert_eq!(wire.next(start + 1000 * MS), Next::Nothing);
}

#[test]
fn a_wire_takes_what_it_has_room_for() {
    let (mut wire, start) = (Wire::default(), start());
    let much = vec![0; STREAM_BYTES_MAX + 7];
    assert_eq!(write(&mut wire, start, &much, &link(&[])), STREAM_BYTES_MAX);
    assert_eq!(write(&mut wire, start, b"a", &link(&[])), 0);
    assert_eq!(read(&mut wire, start).len(), 100);
    assert_eq!(write(&mut wire, start, &much, &link(&[])), 100);
}
