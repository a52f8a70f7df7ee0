//! Protocols of bytes: LDAP (RFC 4511), PostgreSQL and MySQL by their protocol documents, RDP by MS-RDPBCGR, telnet
//! by RFC 854 and draft-altman-telnet-starttls, VNC by RFC 6143 and the VeNCrypt extension.

use super::{Endless, Heard, Mood, Speaker, tds};

pub(super) fn speaker(protocol: &str, mood: Mood) -> Option<Box<dyn Speaker>> {
    Some(match protocol {
        "ldap" => Box::new(Ldap(mood)),
        "postgres" => Box::new(Postgres(mood)),
        "mysql" => Box::new(Mysql(mood)),
        "mssql" => Box::new(tds::Mssql(mood)),
        "rdp" => Box::new(Rdp(mood)),
        "telnet" => Box::new(Telnet(mood)),
        "vnc" => Box::new(Vnc { mood, step: 0 }),
        _ => return None,
    })
}

/// Takes so many bytes, when so many have come.
pub(super) fn take(held: &mut Vec<u8>, length: usize) -> Option<Vec<u8>> {
    (held.len() >= length).then(|| held.drain(..length).collect())
}

pub(super) fn big_endian(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| (number << 8) | usize::from(*byte))
}

/// An endless field and nothing else.
fn field(begin: &[u8]) -> Endless {
    Endless { field: begin.into(), head: Vec::new(), piece: Vec::new() }
}

struct Ldap(Mood);

/// The OID of the extended operation StartTLS.
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

/// Length of tag and length, and of the value, of what begins here in BER; nothing before all of it has come.
fn ber(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = usize::from(*bytes.get(1)?);
    let more = if first < 0x80 { 0 } else { first & 0x7f };
    let length = if more == 0 { first } else { big_endian(bytes.get(2..2 + more)?) };
    (bytes.len() >= 2 + more + length).then_some((2 + more, length))
}

impl Speaker for Ldap {
    fn greeting(&mut self) -> Heard {
        Heard::More
    }

    fn hear(&mut self, held: &mut Vec<u8>) -> Heard {
        let Some((tag, length)) = ber(held) else { return Heard::More };
        let Some(message) = take(held, tag + length) else { return Heard::More };
        let body = &message[tag..];
        let Some((id_head, id_length)) = ber(body) else { return Heard::Bye(Vec::new()) };
        let (id, operation) = body.split_at(id_head + id_length);
        let begins_tls = message[0] == 0x30
            && id[0] == 0x02
            && operation.first() == Some(&0x77)
            && operation.windows(START_TLS.len()).any(|window| window == START_TLS);
        // success, protocolError, busy, unavailable
        let code = match self.0 {
            Mood::Honest if begins_tls => 0,
            Mood::Honest | Mood::Refuses => 2,
            Mood::Busy => 51,
            Mood::Later => 52,
        };
        // An ExtendedResponse that names the operation, as RFC 4511 has it.
        let mut result = vec![0x0a, 1, code, 0x04, 0, 0x04, 0, 0x8a, u8::try_from(START_TLS.len()).unwrap()];
        result.extend_from_slice(START_TLS);
        let answer = [id, &[0x78, u8::try_from(result.len()).unwrap()], &result].concat();
        let answer = [&[0x30, u8::try_from(answer.len()).unwrap()][..], &answer].concat();
        match self.0 {
            Mood::Honest if begins_tls => Heard::Go(answer),
            Mood::Busy => Heard::Bye(answer),
            _ => Heard::Say(answer),
        }
    }

    fn plain(&self) -> Vec<u8> {
        vec![0x30, 0x0c, 0x02, 0x01, 0x02, 0x61, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00]
    }

    fn endless(&self) -> Endless {
        field(&[
            0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02, 0x01, 0x01, 0x78, 0x84, 0x7f, 0xff, 0xff, 0xf0, 0x0a,
            1, 0,
        ])
    }
}

struct Postgres(Mood);

impl Speaker for Postgres {
    fn greeting(&mut self) -> Heard {
        Heard::More
    }

    fn hear(&mut self, held: &mut Vec<u8>) -> Heard {
        if held.len() < 8 {
            return Heard::More;
        }
        let length = big_endian(&held[..4]);
        let code = big_endian(&held[4..8]);
        let error = |code: &str, text: &str| {
            let fields = format!("SFATAL\0VFATAL\0C{code}\0M{text}\0\0");
            let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
            Heard::Bye([b"E", &length[..], fields.as_bytes()].concat())
        };
        match (length, code, self.0) {
            (8, 80_877_103 | 80_877_104, Mood::Busy) => error("53300", "sorry, too many clients already"),
            (8, 80_877_103, Mood::Honest) => {
                held.drain(..8);
                Heard::Go(b"S".into())
            }
            // Encryption of GSSAPI is never to be had.
            (8, 80_877_103 | 80_877_104, _) => {
                held.drain(..8);
                Heard::Say(b"N".into())
            }
            _ => error("28000", "no pg_hba.conf entry"),
        }
    }

    fn plain(&self) -> Vec<u8> {
        b"R\0\0\0\x08\0\0\0\x03".into()
    }

    fn endless(&self) -> Endless {
        field(b"E\x7f\xff\xff\xffSFATAL\0M")
    }
}

struct Mysql(Mood);

const CLIENT_SSL: u16 = 0x0800;

fn mysql_packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&length[..3], &[number], payload].concat()
}

fn mysql_error(number: u8, code: u16, state_and_text: &str) -> Vec<u8> {
    mysql_packet(number, &[&[0xff], &code.to_le_bytes()[..], state_and_text.as_bytes()].concat())
}

impl Speaker for Mysql {
    fn greeting(&mut self) -> Heard {
        if self.0 == Mood::Busy {
            return Heard::Bye(mysql_error(0, 1040, "#08004Too many connections"));
        }
        // LONG_PASSWORD, PROTOCOL_41, SECURE_CONNECTION; PLUGIN_AUTH in the upper half.
        let ssl = if self.0 == Mood::Refuses { 0 } else { CLIENT_SSL };
        let capabilities = (0x8201 | ssl).to_le_bytes();
        let payload = [
            &b"\x0a8.0.36-example\0\x07\0\0\0"[..],
            b"12345678\0",
            &capabilities,
            b"\x2d\x02\0\x08\0\x15",
            &[0; 10],
            b"123456789012\0mysql_native_password\0",
        ];
        Heard::Say(mysql_packet(0, &payload.concat()))
    }

    fn hear(&mut self, held: &mut Vec<u8>) -> Heard {
        let Some(start) = held.get(..4) else { return Heard::More };
        let length = usize::from(start[0]) | usize::from(start[1]) << 8 | usize::from(start[2]) << 16;
        let number = start[3];
        let Some(packet) = take(held, 4 + length) else { return Heard::More };
        let asks =
            length == 32 && number == 1 && u16::from_le_bytes([packet[4], packet[5]]) & CLIENT_SSL != 0;
        if asks && self.0 == Mood::Honest {
            Heard::Go(Vec::new()) // TLS begins without another word
        } else {
            Heard::Bye(mysql_error(2, 1045, "#28000Access denied"))
        }
    }

    fn plain(&self) -> Vec<u8> {
        mysql_packet(2, b"\0\0\0\x02\0\0\0")
    }

    fn endless(&self) -> Endless {
        field(b"\xff\xff\xff\0\x0a8.0.36")
    }
}

struct Rdp(Mood);

impl Speaker for Rdp {
    fn greeting(&mut self) -> Heard {
        Heard::More
    }

    fn hear(&mut self, held: &mut Vec<u8>) -> Heard {
        let Some(start) = held.get(..4) else { return Heard::More };
        let (version, length) = (start[0], big_endian(&start[2..4]));
        if version != 3 || length < 11 {
            return Heard::Bye(Vec::new());
        }
        let Some(packet) = take(held, length) else { return Heard::More };
        // X.224: what follows the length indicator, a connection request, class 0.
        if usize::from(packet[4]) != length - 5 || packet[5] != 0xe0 || packet[10] != 0 {
            return Heard::Bye(Vec::new());
        }
        // The request for negotiation is last, after a cookie of one line perhaps.
        let request = packet.get(length.saturating_sub(8)..).filter(|_| length >= 19);
        let wanted = match request {
            Some([1, _, 8, 0, protocols @ ..]) => Some(u32::from_le_bytes(protocols.try_into().unwrap())),
            _ => None,
        };
        let confirm = |negotiation: &[u8]| {
            let tpdu = [&[0xd0, 0, 0, 0x12, 0x34, 0], negotiation].concat();
            let whole = u8::try_from(tpdu.len() + 5).unwrap();
            [&[3, 0, 0, whole, whole - 5], &tpdu[..]].concat()
        };
        let failure = |code: u8| Heard::Bye(confirm(&[3, 0, 8, 0, code, 0, 0, 0]));
        match wanted {
            // A client that asks for nothing gets RDP's own security.
            None => Heard::Say(confirm(&[])),
            Some(_) if self.0 != Mood::Honest => failure(2), // TLS is not allowed here
            Some(protocols) if protocols & 1 != 0 => Heard::Go(confirm(&[2, 0x1f, 8, 0, 1, 0, 0, 0])),
            Some(protocols) if protocols & 2 != 0 => Heard::Go(confirm(&[2, 0x1f, 8, 0, 2, 0, 0, 0])),
            Some(_) => failure(1), // TLS is required here
        }
    }

    fn plain(&self) -> Vec<u8> {
        // MCS: the provider ends the connection.
        vec![3, 0, 0, 9, 2, 0xf0, 0x80, 0x21, 0x80]
    }

    fn endless(&self) -> Endless {
        field(&[3, 0, 0xff, 0xff, 0xfe, 0xd0, 0, 0, 0x12, 0x34, 0])
    }
}

struct Telnet(Mood);

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;
const START_TLS_OPTION: u8 = 46;
const FOLLOWS: [u8; 6] = [IAC, SB, START_TLS_OPTION, 1, IAC, SE];

impl Speaker for Telnet {
    fn greeting(&mut self) -> Heard {
        match self.0 {
            Mood::Honest => Heard::Say(vec![IAC, DO, START_TLS_OPTION]),
            // DO TERMINAL-TYPE, WILL ECHO, WILL SUPPRESS-GO-AHEAD
            _ => Heard::Say([&[IAC, DO, 24, IAC, WILL, 1, IAC, WILL, 3], &b"\r\nlogin: "[..]].concat()),
        }
    }

    fn hear(&mut self, held: &mut Vec<u8>) -> Heard {
        let Some(at) = held.iter().position(|byte| *byte == IAC) else {
            held.clear(); // nobody logs in here
            return Heard::More;
        };
        held.drain(..at);
        match held.as_slice() {
            [_, SB, rest @ ..] => {
                let Some(end) = rest.windows(2).position(|pair| pair == [IAC, SE]) else {
                    return Heard::More;
                };
                let follows = rest.get(..end) == Some(&[START_TLS_OPTION, 1][..]);
                held.drain(..end + 4);
                if follows && self.0 == Mood::Honest { Heard::Go(Vec::new()) } else { Heard::Say(Vec::new()) }
            }
            [_, verb @ WILL..=DONT, option, ..] => {
                let (verb, option) = (*verb, *option);
                held.drain(..3);
                match (verb, option) {
                    (WILL, START_TLS_OPTION) if self.0 == Mood::Honest => Heard::Say(FOLLOWS.into()),
                    // What was asked for or offered in the greeting needs no answer, nor does a refusal.
                    (WILL, 24) | (DO, 1 | 3) | (DONT | WONT, _) => Heard::Say(Vec::new()),
                    (WILL, _) => Heard::Say(vec![IAC, DONT, option]),
                    _ => Heard::Say(vec![IAC, WONT, option]),
                }
            }
            [_, WILL..=DONT] | [_] => Heard::More,
            _ => {
                held.drain(..2);
                Heard::Say(Vec::new())
            }
        }
    }

    fn plain(&self) -> Vec<u8> {
        b"\r\nlogin: ".into()
    }

    fn endless(&self) -> Endless {
        let piece = [[IAC, DO, 24], [IAC, WILL, 1]].concat();
        Endless { field: vec![IAC, SB, 24], head: Vec::new(), piece }
    }
}

struct Vnc {
    mood: Mood,
    step: u8,
}

const VENCRYPT: u8 = 19;

impl Vnc {
    /// TLSVnc, whose server shows no certificate, and X509Vnc and X509Plain.
    const KINDS: [u32; 3] = [258, 261, 262];

    fn answer(&self, said: &[u8]) -> Heard {
        match self.step {
            0 if !said.starts_with(b"RFB 003.00") || said.last() != Some(&b'\n') => Heard::Bye(Vec::new()),
            0 if self.mood == Mood::Honest => Heard::Say(vec![2, VENCRYPT, 2]),
            0 => Heard::Say(vec![2, 1, 2]), // no security, and a password
            1 if said == [VENCRYPT] && self.mood == Mood::Honest => Heard::Say(vec![0, 2]),
            // A security result of 1: failed, with a reason.
            1 => Heard::Bye([&[0, 0, 0, 1, 0, 0, 0, 4], &b"fail"[..]].concat()),
            2 if said == [0, 2] => {
                let kinds = Self::KINDS.iter().flat_map(|kind| kind.to_be_bytes());
                Heard::Say([0, 3].into_iter().chain(kinds).collect())
            }
            2 => Heard::Bye(vec![0xff]),
            // Without a certificate is not had here, although it is in the list.
            _ if Self::KINDS[1..].iter().any(|kind| said == kind.to_be_bytes()) => Heard::Go(vec![1]),
            _ => Heard::Bye(vec![0]),
        }
    }
}

impl Speaker for Vnc {
    fn greeting(&mut self) -> Heard {
        Heard::Say(b"RFB 003.008\n".into())
    }

    fn hear(&mut self, held: &mut Vec<u8>) -> Heard {
        // Version, choice of security, VeNCrypt's version, choice of its kind.
        let Some(length) = [12, 1, 2, 4].get(usize::from(self.step)) else { return Heard::Bye(Vec::new()) };
        let Some(said) = take(held, *length) else { return Heard::More };
        let answer = self.answer(&said);
        self.step += 1;
        answer
    }

    fn plain(&self) -> Vec<u8> {
        vec![0; 4] // a security result: fine
    }

    fn endless(&self) -> Endless {
        field(b"RFB 003.008")
    }
}
