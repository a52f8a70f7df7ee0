//! One connection of a scripted server: the opening, and the fault or the hand-over behind it.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::{Fault, Heard, Plan, Shared, Speaker, Tunnel, tds};

/// Serves it to its end.
pub(super) fn connection(stream: &TcpStream, shared: &Shared, speaker: Box<dyn Speaker>, plan: Plan) {
    Connection { stream, held: Vec::new(), shared }.serve(speaker, plan);
}

struct Connection<'a> {
    stream: &'a TcpStream,
    /// What came and was not understood yet.
    held: Vec<u8>,
    shared: &'a Shared,
}

impl Connection<'_> {
    fn serve(mut self, mut speaker: Box<dyn Speaker>, plan: Plan) {
        let fault = match plan {
            Plan::Fault(fault) => Some(fault),
            Plan::Relay { .. } => None,
        };
        let crumbs = matches!(plan, Plan::Relay { crumbs: true, .. });
        if fault.is_some_and(|fault| self.first_message(speaker.as_mut(), fault)) {
            return;
        }
        let Some(go) = self.converse(speaker.as_mut(), crumbs) else { return };
        self.shared.handed.fetch_add(1, Ordering::SeqCst);
        match plan {
            Plan::Relay { to, .. } => {
                self.say(&go, crumbs);
                self.relay(to, speaker.tunnel());
            }
            Plan::Fault(Fault::PlainAfter) => {
                self.say(&go, false);
                if !self.held.is_empty() || self.take() {
                    self.say(&speaker.plain(), false);
                    self.wait_for_the_end();
                }
            }
            Plan::Fault(Fault::Injected) => {
                self.say(&[go, speaker.plain()].concat(), false);
                self.wait_for_the_end();
            }
            // The other faults end before they come here.
            Plan::Fault(_) => {
                self.say(&go, false);
            }
        }
    }

    /// Faults that show in the first message; whether this is one, and is over.
    fn first_message(&mut self, speaker: &mut dyn Speaker, fault: Fault) -> bool {
        let first = [Fault::Tarpit, Fault::Flood, Fault::Chatter, Fault::Other, Fault::Garbage];
        // Where the client begins, so that these are answers.
        if first.contains(&fault) && matches!(speaker.greeting(), Heard::More) && !self.take() {
            return true;
        }
        let endless = speaker.endless();
        match fault {
            Fault::Silent => self.wait_for_the_end(),
            Fault::Closes => {}
            Fault::Tarpit => {
                let mut bytes = endless.field.into_iter().chain(std::iter::repeat(b'a'));
                while bytes.next().is_some_and(|byte| self.say(&[byte], false))
                    && self.pause(Duration::from_secs(1))
                {}
            }
            Fault::Flood => {
                self.say(&endless.field, false);
                self.without_end(b"a");
            }
            Fault::Chatter => {
                self.say(&endless.head, false);
                self.without_end(&endless.piece);
            }
            Fault::Other => {
                self.say(b"SSH-2.0-OpenSSH_9.2p1\r\n", false);
                self.wait_for_the_end();
            }
            Fault::Garbage => {
                let mut state = 0x2014_0160_u32;
                let noise = std::iter::repeat_with(|| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state.to_be_bytes()[0]
                });
                let noise: Vec<u8> = b"\x00\xff\x1b[2J".iter().copied().chain(noise.take(1000)).collect();
                self.say(&noise, false);
            }
            _ => return false,
        }
        true
    }

    /// The opening; what is said last before TLS, when it comes so far.
    fn converse(&mut self, speaker: &mut dyn Speaker, crumbs: bool) -> Option<Vec<u8>> {
        let mut next = speaker.greeting();
        loop {
            match next {
                Heard::More => {
                    if !self.take() {
                        return None;
                    }
                }
                Heard::Say(bytes) => {
                    if !self.say(&bytes, crumbs) {
                        return None;
                    }
                }
                // Whoever speaks on before the go-ahead has not waited for it; a server may not take that for TLS.
                Heard::Go(bytes) => return (bytes.is_empty() || self.held.is_empty()).then_some(bytes),
                Heard::Bye(bytes) => {
                    self.say(&bytes, crumbs);
                    let _ = self.stream.shutdown(Shutdown::Write);
                    self.wait_for_the_end(); // so that no reset overtakes what was said
                    return None;
                }
            }
            next = speaker.hear(&mut self.held);
        }
    }

    /// Says it, and whether that was possible.
    fn say(&mut self, bytes: &[u8], crumbs: bool) -> bool {
        if !crumbs {
            return self.stream.write_all(bytes).is_ok();
        }
        let _ = self.stream.set_nodelay(true);
        bytes
            .iter()
            .all(|byte| self.stream.write_all(&[*byte]).is_ok() && self.pause(Duration::from_millis(1)))
    }

    /// Says this again and again until nobody takes it any more.
    fn without_end(&mut self, piece: &[u8]) {
        let block = piece.repeat(8192_usize.div_ceil(piece.len()));
        // Nobody has to take a gigabyte for the test to end.
        for _ in 0..(1 << 30) / block.len() {
            if self.shared.stopped() || !self.say(&block, false) {
                return;
            }
        }
    }

    /// Takes in what came; whether anything did before the end.
    fn take(&mut self) -> bool {
        let mut piece = [0_u8; 4096];
        let read = self.stream.read(&mut piece).unwrap_or(0);
        self.held.extend_from_slice(&piece[..read]);
        // Nothing here is ever asked for more than this.
        read > 0 && self.held.len() < 1 << 16
    }

    fn wait_for_the_end(&mut self) {
        while self.stream.read(&mut [0_u8; 4096]).is_ok_and(|n| n > 0) {}
    }

    /// Waits; whether nobody stopped it.
    fn pause(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        while Instant::now() < end && !self.shared.stopped() {
            std::thread::sleep(time.min(Duration::from_millis(10)));
        }
        !self.shared.stopped()
    }

    fn relay(self, to: SocketAddr, tunnel: Tunnel) {
        let Ok(server) = TcpStream::connect(to) else { return };
        self.shared.watch(&server);
        // As long as the client packs what it sends, it is answered in packets.
        let packed = AtomicBool::new(tunnel == Tunnel::Tds);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut server = &server;
                let mut client = self.stream;
                let mut unpack = tds::Unpack::new(self.held, &packed);
                while match unpack.next() {
                    Some(bytes) => server.write_all(&bytes).is_ok(),
                    None => unpack.fill(&mut client),
                } {}
                let _ = server.shutdown(Shutdown::Write);
            });
            let (mut from, mut client) = (&server, self.stream);
            let mut piece = [0_u8; 8192];
            loop {
                let read = match from.read(&mut piece) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    read => read.unwrap_or(0),
                };
                let bytes = &piece[..read];
                let sent = if packed.load(Ordering::SeqCst) {
                    client.write_all(&tds::packets(bytes))
                } else {
                    client.write_all(bytes)
                };
                if read == 0 || sent.is_err() {
                    break;
                }
            }
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        });
    }
}
