//! A connection: request by request, answered in turn, in a buffer that is used again.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::TcpStream;

use kurier_protocol::Bytes;
use kurier_protocol::frame::{self, Segments};

use crate::answer::Broker;

/// Answers until the client goes, or says what is not understood.
pub fn serve(broker: &Broker, mut stream: TcpStream) {
    let ended = serve_requests(broker, &mut stream);
    if let Err(error) = ended
        && !matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset)
        && error.kind() != ErrorKind::BrokenPipe
    {
        eprintln!("null-broker: {error}");
    }
}

fn serve_requests(broker: &Broker, stream: &mut TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = frame::length(length, REQUEST_BYTES_MAX).map_err(io::Error::other)?;
        buffer.resize(length, 0);
        stream.read_exact(&mut buffer)?;
        let request = Bytes::from(buffer);
        let answer = broker.answer(&request).map_err(io::Error::other)?;
        // Without a copy, since nobody else has kept a part of it.
        buffer = Vec::from(request);
        if let Some(answer) = answer {
            write(stream, answer)?;
        }
    }
}

fn write(stream: &mut TcpStream, answer: Segments) -> io::Result<()> {
    let pieces: Vec<Bytes> = answer.into_iter().collect();
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut left = slices.as_mut_slice();
    while !left.is_empty() {
        match stream.write_vectored(left) {
            Ok(count) => IoSlice::advance_slices(&mut left, count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

const REQUEST_BYTES_MAX: usize = 512 << 20;
