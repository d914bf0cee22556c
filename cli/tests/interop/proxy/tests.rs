//! The proxy keeps its word, in front of a server that sends back what it gets.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::relay::Proxy;
use super::weather::{Cut, End, Flow, Lane, Weather};
use crate::run::wait_until;

/// A server that sends back what it gets, and where it is.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut from = stream.try_clone().unwrap();
                let _ = std::io::copy(&mut from, &mut &stream);
                let _ = stream.shutdown(Shutdown::Write);
            });
        }
    });
    address
}

/// A server that keeps what it gets, over all connections in the order of its coming.
fn listening() -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, arrived) = (listener.local_addr().unwrap(), Arc::default());
    let kept: Arc<Mutex<Vec<u8>>> = Arc::clone(&arrived);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (kept, mut piece) = (Arc::clone(&kept), [0; 1000]);
            thread::spawn(move || {
                while let Ok(read @ 1..) = stream.read(&mut piece) {
                    kept.lock().unwrap().extend_from_slice(&piece[..read]);
                }
            });
        }
    });
    (address, arrived)
}

/// Where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

struct World {
    proxy: Proxy,
}

impl World {
    fn new(weather: Weather) -> Self {
        let proxy = Proxy::start(([127, 0, 0, 1], 0).into(), echo(), 7);
        proxy.set(weather);
        Self { proxy }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.proxy.at()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }
}

/// Sends so many bytes, and gives those that came back and how the stream ended.
fn exchange(stream: &mut TcpStream, bytes: usize) -> (Vec<u8>, Option<ErrorKind>) {
    let sent: Vec<u8> = (0..bytes).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let _may_be_cut = stream.write_all(&sent);
    let (mut back, mut piece) = (Vec::new(), [0; 1000]);
    while back.len() < bytes {
        match stream.read(&mut piece) {
            Ok(0) => return (back, None),
            Ok(read) => back.extend_from_slice(&piece[..read]),
            Err(error) => return (back, Some(error.kind())),
        }
    }
    assert!(back == sent, "bytes have changed on their way");
    (back, None)
}

#[test]
fn all_bytes_arrive_in_pieces_and_late() {
    let latency = Duration::from_micros(10)..=Duration::from_micros(200);
    let lane = Lane { piece_bytes_max: Some(97), latency, ..Lane::default() };
    let world = World::new(Weather::both(lane));
    assert_eq!(exchange(&mut world.connect(), 10_000).0.len(), 10_000);
    assert_eq!(world.proxy.accepted(), 1);
}

#[test]
fn answers_are_cut_at_the_byte_that_was_asked_for() {
    for end in [End::Finished, End::Reset] {
        let cut = Some(Cut { after: 100..=100, end });
        let world = World::new(Weather::answers(Lane { cut, ..Lane::default() }));
        let (back, error) = exchange(&mut world.connect(), 5000);
        match end {
            End::Finished => assert_eq!((back.len(), error), (100, None)),
            // A reset may overtake bytes.
            End::Reset => {
                assert_eq!((back.len() <= 100, error), (true, Some(ErrorKind::ConnectionReset)))
            }
        }
    }
}

#[test]
fn a_half_open_connection_is_made_and_stays_silent() {
    let world = World::new(Weather::half_open());
    let mut stream = world.connect();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let (back, error) = exchange(&mut stream, 1000);
    assert!(back.is_empty() && matches!(error, Some(ErrorKind::WouldBlock | ErrorKind::TimedOut)));
    world.proxy.set(Weather::default());
    assert!(exchange(&mut stream, 1000).0.is_empty(), "what is lost stays lost");
    assert_eq!(exchange(&mut world.connect(), 1000).0.len(), 1000);
}

#[test]
fn what_was_blocked_arrives_when_the_weather_is_better() {
    let world = World::new(Weather::requests(Lane { flow: Flow::Blocked, ..Lane::default() }));
    let mut stream = world.connect();
    stream.write_all(b"late").unwrap();
    world.proxy.set(Weather::default());
    let mut back = [0; 4];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"late");
}

#[test]
fn a_closed_proxy_refuses_at_once_and_opens_again() {
    let world = World::new(Weather::default());
    for _ in 0..100 {
        assert_eq!(exchange(&mut world.connect(), 10).0.len(), 10);
        world.proxy.set(Weather::closed());
        let refused = TcpStream::connect(world.proxy.at()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        world.proxy.set(Weather::default());
    }
}

#[test]
fn connections_are_cut_and_led_elsewhere() {
    let world = World::new(Weather::default());
    let mut stream = world.connect();
    assert_eq!(exchange(&mut stream, 10).0.len(), 10);
    world.proxy.lead_to(nobody());
    world.proxy.cut();
    assert_eq!(exchange(&mut stream, 10).0.len(), 0);
    assert_eq!(exchange(&mut world.connect(), 10).0.len(), 0, "nobody is there");
    world.proxy.lead_to(echo());
    assert_eq!(exchange(&mut world.connect(), 10).0.len(), 10);
}

#[test]
fn what_was_held_arrives_late_and_later_connections_are_free() {
    let (at, arrived) = listening();
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], 0)), at, 1);
    let mut old = TcpStream::connect(proxy.at()).unwrap();
    old.write_all(b"before ").unwrap();
    wait_until("what was sent before arrives", || *arrived.lock().unwrap() == b"before ");
    proxy.hold();
    old.write_all(b"late ").unwrap();
    drop(old);
    TcpStream::connect(proxy.at()).unwrap().write_all(b"new ").unwrap();
    wait_until("the new one arrives", || *arrived.lock().unwrap() == b"before new ");
    proxy.release();
    wait_until("the late one arrives", || *arrived.lock().unwrap() == b"before new late ");
}
