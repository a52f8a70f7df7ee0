//! Mixed content: what a page over TLS has its browser load in the clear. Reads the bytes of one page; follows nothing.
//!
//! The tokenizer is that of the HTML standard, without a tree: what a browser puts together by script, and what its
//! style sheets load in turn, is not seen. Links that a user may follow are none of its business.

mod address;
mod page;

use std::collections::BTreeSet;

/// The most entries of a page.
pub const MAX_ENTRIES: usize = 10;
/// How many frames with a page of their own inside an attribute (`srcdoc`) are read, one below the other.
const MAX_FRAMES: usize = 16;

/// What the page loads from `http:` URLs, as `script from cdn.example.test`, sorted. Hosts are of lower-case letters,
/// digits and `.:-[]_` alone, whatever the page says. Nothing, where the page itself asks browsers to load everything
/// over TLS (`upgrade-insecure-requests`) before it names the first resource.
pub fn mixed(html: &[u8]) -> Vec<String> {
    let decoded = from_utf16(html);
    let mut waiting = vec![decoded.unwrap_or_else(|| html.to_vec())];
    let mut found = BTreeSet::new();
    let mut read = 0;
    while let Some(page) = waiting.pop() {
        read += 1;
        if read > MAX_FRAMES {
            break;
        }
        let seen = page::read(&page);
        found.extend(seen.clear);
        waiting.extend(seen.frames);
    }
    found.into_iter().take(MAX_ENTRIES).collect()
}

/// Whether a Content-Security-Policy has browsers load everything over TLS, whatever the page says.
pub fn upgrades(policy: &[u8]) -> bool {
    page::upgrades(policy)
}

/// The page as UTF-8 where its byte order mark says that it is UTF-16; every other charset that browsers know writes
/// tags and URLs in ASCII.
fn from_utf16(html: &[u8]) -> Option<Vec<u8>> {
    let (unit, rest): (fn([u8; 2]) -> u16, _) = match html {
        [0xff, 0xfe, rest @ ..] => (u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => (u16::from_be_bytes, rest),
        _ => return None,
    };
    let units = rest.chunks_exact(2).filter_map(|pair| Some(unit(pair.try_into().ok()?)));
    let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    Some(text.into_bytes())
}

#[cfg(test)]
mod tests;
