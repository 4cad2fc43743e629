//! One connection, and what is in flight on it.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

use super::{
    Address,
    answer::Reading,
    frames::{self, Frame, HEAD, HeaderReader, PREFACE, flag, kind, setting},
    requests::{Answer, Protocol, Requests},
};

/// How many bytes are read in one go, at most.
const READ_BYTES: usize = 64 * 1024;
/// The window that we open for a connection, and when it is opened again.
const OUR_WINDOW: u32 = 0x4000_0000;
/// The window of each stream. No answer is that long.
const OUR_STREAM_WINDOW: u32 = 0x0100_0000;
/// How many streams one connection can have in flight; a power of two.
const STREAMS_MAX: usize = 2048;

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A request in flight.
#[derive(Debug, Default)]
struct Flight {
    /// Its stream; 0 for none.
    stream: u32,
    /// When it began, as its sender counts time.
    began: Duration,
    reading: Reading,
}

/// A request that has been answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Landed {
    pub(crate) began: Duration,
    pub(crate) answer: Answer,
}

#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    protocol: Protocol,
    input: Vec<u8>,
    /// How much of `input` has been read.
    filled: usize,
    output: Vec<u8>,
    written: usize,
    headers: HeaderReader,
    flights: Vec<Flight>,
    in_flight: usize,
    next_stream: u32,
    /// How many may be in flight.
    streams_max: usize,
    /// What the server lets us send.
    window: i64,
    stream_window: usize,
    received: u32,
    /// Whether the server has told its settings.
    is_open: bool,
    /// What the first failed answer was.
    pub(crate) complaint: Option<String>,
}

impl Connection {
    /// Connects, for at most so many requests in flight.
    pub(crate) fn open(address: &Address, protocol: Protocol, streams: usize) -> io::Result<Self> {
        let socket = match address {
            Address::Tcp(address) => {
                let socket = TcpStream::connect(address)?;
                socket.set_nodelay(true)?;
                socket.set_nonblocking(true)?;
                Socket::Tcp(socket)
            }
            Address::Unix(path) => {
                let socket = UnixStream::connect(path)?;
                socket.set_nonblocking(true)?;
                Socket::Unix(socket)
            }
        };
        let mut output = PREFACE.to_vec();
        frames::head(&mut output, 12, kind::SETTINGS, 0, 0);
        for (name, value) in [(setting::PUSH, 0), (setting::STREAM_WINDOW, OUR_STREAM_WINDOW)] {
            output.extend_from_slice(&name.to_be_bytes());
            output.extend_from_slice(&value.to_be_bytes());
        }
        frames::widen(&mut output, OUR_WINDOW);
        let mut flights = Vec::new();
        flights.resize_with(STREAMS_MAX, Flight::default);
        Ok(Self {
            socket,
            protocol,
            input: vec![0; READ_BYTES],
            filled: 0,
            output,
            written: 0,
            headers: HeaderReader::default(),
            flights,
            in_flight: 0,
            next_stream: 1,
            streams_max: streams.min(STREAMS_MAX / 2),
            window: i64::from(frames::WINDOW),
            stream_window: frames::WINDOW as usize,
            received: 0,
            is_open: false,
            complaint: None,
        })
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether the server has spoken.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether another request can be sent now.
    pub(crate) fn has_room(&self, requests: &Requests) -> bool {
        let bytes = requests.bytes();
        self.is_open
            && self.in_flight < self.streams_max
            && (self.protocol == Protocol::Http
                || (i64::try_from(bytes).is_ok_and(|bytes| bytes <= self.window)
                    && bytes <= self.stream_window))
            && self.flights[place(self.next_stream)].stream == 0
    }

    /// Puts a request into what will be written.
    pub(crate) fn send(&mut self, requests: &mut Requests, began: Duration) {
        let stream = self.next_stream;
        requests.write(stream, stream == 1, &mut self.output);
        if self.protocol == Protocol::Grpc {
            self.window -= i64::try_from(requests.bytes()).unwrap_or(i64::MAX);
        }
        self.flights[place(stream)] = Flight { stream, began, reading: Reading::default() };
        self.in_flight += 1;
        self.next_stream += 2;
    }

    /// Whether something waits to be written.
    pub(crate) fn has_output(&self) -> bool {
        self.written < self.output.len()
    }

    /// Writes what the socket takes.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while self.written < self.output.len() {
            let rest = &self.output[self.written..];
            let result = match &mut self.socket {
                Socket::Tcp(socket) => socket.write(rest),
                Socket::Unix(socket) => socket.write(rest),
            };
            match result {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.written = 0;
        Ok(())
    }

    /// Reads what is there, and adds what has been answered to `landed`.
    pub(crate) fn read(&mut self, landed: &mut Vec<Landed>) -> io::Result<()> {
        let rest = &mut self.input[self.filled..];
        let result = match &mut self.socket {
            Socket::Tcp(socket) => socket.read(rest),
            Socket::Unix(socket) => socket.read(rest),
        };
        match result {
            Ok(0) => return Err(io::Error::other("the server closed the connection")),
            Ok(count) => self.filled += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
        let input = std::mem::take(&mut self.input);
        let mut read = 0;
        while let Some(frame) = Frame::first(&input[read..self.filled]) {
            self.take(&frame, landed).map_err(io::Error::other)?;
            read += HEAD + frame.payload.len();
        }
        self.input = input;
        self.input.copy_within(read..self.filled, 0);
        self.filled -= read;
        if self.received > OUR_WINDOW / 2 {
            frames::widen(&mut self.output, self.received);
            self.received = 0;
        }
        Ok(())
    }

    fn take(&mut self, frame: &Frame<'_>, landed: &mut Vec<Landed>) -> Result<(), &'static str> {
        match frame.kind {
            kind::HEADERS if !frame.has(flag::END_HEADERS) => return Err("headers in several frames"),
            kind::HEADERS => {
                let statuses = self.headers.read(frame.content()?)?;
                if let Some(flight) = flight(&mut self.flights, frame.stream) {
                    flight.reading.statuses(statuses);
                }
            }
            kind::DATA => {
                self.received += u32::try_from(frame.payload.len()).unwrap_or_default();
                if let Some(flight) = flight(&mut self.flights, frame.stream) {
                    flight.reading.data(frame.content()?);
                }
            }
            kind::RESET => self.land(frame.stream, landed),
            kind::SETTINGS if !frame.has(flag::ACK) => self.settings(frame.payload),
            kind::PING if !frame.has(flag::ACK) => {
                frames::head(&mut self.output, frame.payload.len(), kind::PING, flag::ACK, 0);
                self.output.extend_from_slice(frame.payload);
            }
            kind::WINDOW_UPDATE if frame.stream == 0 => self.window += i64::from(frame.number()?),
            kind::GOAWAY => return Err("the server says goodbye"),
            _ => {}
        }
        let may_end = matches!(frame.kind, kind::HEADERS | kind::DATA);
        if may_end && frame.has(flag::END_STREAM) {
            self.land(frame.stream, landed);
        }
        Ok(())
    }

    fn settings(&mut self, payload: &[u8]) {
        for part in payload.chunks_exact(6) {
            let name = u16::from_be_bytes([part[0], part[1]]);
            let value = u32::from_be_bytes([part[2], part[3], part[4], part[5]]) as usize;
            match name {
                setting::STREAMS_MAX => self.streams_max = self.streams_max.min(value),
                setting::STREAM_WINDOW => self.stream_window = value,
                _ => {}
            }
        }
        self.is_open = true;
        frames::head(&mut self.output, 0, kind::SETTINGS, flag::ACK, 0);
    }

    fn land(&mut self, stream: u32, landed: &mut Vec<Landed>) {
        let Some(flight) = flight(&mut self.flights, stream) else { return };
        flight.stream = 0;
        self.in_flight -= 1;
        let answer = flight.reading.judge(self.protocol);
        if answer == Answer::Failed && self.complaint.is_none() {
            self.complaint = Some(flight.reading.to_string());
        }
        landed.push(Landed { began: flight.began, answer });
    }
}

/// Where a stream's flight is kept.
fn place(stream: u32) -> usize {
    stream as usize / 2 % STREAMS_MAX
}

fn flight(flights: &mut [Flight], stream: u32) -> Option<&mut Flight> {
    flights.get_mut(place(stream)).filter(|flight| flight.stream == stream && stream != 0)
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Tcp(socket) => socket.as_fd(),
            Socket::Unix(socket) => socket.as_fd(),
        }
    }
}
