//! The blocks of a PEM file. It looks at lines, not at what surrounds them: keys are also found in
//! configuration that holds them (`<key>` of OpenVPN) and between certificates.

use super::wipe::Wiped;

/// Blocks of one file that are kept.
const BLOCKS: usize = 200;

/// One block. No `Debug`: its content may be a key.
pub(super) struct Block<'a> {
    /// The label, such as `RSA PRIVATE KEY`.
    pub(super) label: &'a str,
    /// Whether its head says that it is encrypted the older way.
    pub(super) encrypted: bool,
    /// Whether its last line is there.
    pub(super) ended: bool,
    /// What it holds, decoded as far as it can be.
    pub(super) der: Wiped,
}

impl Block<'_> {
    /// Whether it holds a private key.
    pub(super) fn is_key(&self) -> bool {
        self.label.ends_with("PRIVATE KEY")
    }

    /// Whether it holds a certificate.
    pub(super) fn is_certificate(&self) -> bool {
        matches!(self.label, "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE")
    }
}

/// All blocks of private keys, the first certificate, and the parameters of elliptic curves, in their order.
pub(super) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut certificate = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(label) = label(line, "-----BEGIN ") else { continue };
        let is_certificate = label.ends_with("CERTIFICATE");
        if !(label.ends_with("PRIVATE KEY") || label == "EC PARAMETERS" || (is_certificate && !certificate)) {
            continue;
        }
        certificate |= is_certificate;
        blocks.push(block(label, &mut lines));
        if blocks.len() >= BLOCKS {
            break;
        }
    }
    blocks
}

fn block<'a>(label: &'a str, lines: &mut std::str::Lines<'a>) -> Block<'a> {
    let mut size: usize = 0;
    for line in lines.clone().take_while(|line| !line.contains("-----")) {
        size = size.saturating_add(line.len());
    }
    // As large as it can become: a buffer that grows leaves copies of the key behind.
    let mut decoder = Decoder { out: Vec::with_capacity(size), bits: 0, held: 0, done: false };
    let (mut encrypted, mut ended) = (false, false);
    let mut ahead = lines.clone();
    while let Some(line) = ahead.next() {
        if line.contains("-----") {
            ended = line.trim_start().starts_with("-----END ");
            if ended {
                *lines = ahead;
            }
            break;
        }
        if line.contains(':') {
            encrypted |= line.contains("ENCRYPTED");
        } else {
            decoder.line(line);
        }
        *lines = ahead.clone();
    }
    Block { label, encrypted, ended, der: Wiped::new(decoder.out) }
}

fn label<'a>(line: &'a str, begin: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(begin)?;
    let (label, _) = rest.split_once("-----")?;
    Some(label.trim())
}

/// A decoder that skips what is not base64, as the tools do that read such files.
struct Decoder {
    out: Vec<u8>,
    bits: u32,
    held: u32,
    done: bool,
}

impl Decoder {
    fn line(&mut self, line: &str) {
        for byte in line.bytes() {
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => {
                    self.done = true;
                    continue;
                }
                _ => continue,
            };
            if self.done {
                return;
            }
            self.bits = (self.bits << 6) | u32::from(value);
            self.held += 6;
            if self.held >= 8 {
                self.held -= 8;
                let byte = (self.bits >> self.held) & 0xff;
                self.bits &= (1 << self.held) - 1;
                self.out.push(u8::try_from(byte).unwrap_or(0));
            }
        }
    }
}
