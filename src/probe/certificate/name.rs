//! Distinguished names as RFC 4514 text, out of hostile bytes. Control characters are written as the hex
//! pairs that RFC 4514 has for any character, so that the text is the same everywhere and bounded.

use std::fmt::Write as _;

use x509_parser::{
    der_parser::asn1_rs::{Any, Tag},
    x509::{AttributeTypeAndValue, X509Name},
};

use crate::model::text::acts_on_a_terminal;

/// The longest text of a name, in bytes; a longer one is cut and ends in `...`.
pub(super) const MAX_LEN: usize = 1024;

/// Last component first, as RFC 4514 section 2.1 wants it.
pub(super) fn rfc4514(name: &X509Name<'_>) -> String {
    let components: Vec<_> = name.iter_rdn().collect();
    let mut out = String::new();
    for (i, component) in components.iter().rev().enumerate() {
        if i > 0 {
            out.push(',');
        }
        for (j, attribute) in component.iter().enumerate() {
            if j > 0 {
                out.push('+');
            }
            push_attribute(&mut out, attribute);
        }
        if out.len() > MAX_LEN {
            let end = (0..=MAX_LEN).rev().find(|n| out.is_char_boundary(*n)).unwrap_or(0);
            out.truncate(end);
            out.push_str("...");
            break;
        }
    }
    out
}

fn push_attribute(out: &mut String, attribute: &AttributeTypeAndValue<'_>) {
    let oid = attribute.attr_type().to_id_string();
    let short = SHORT_NAMES.iter().find(|(known, _)| *known == oid).map(|(_, short)| *short);
    out.push_str(short.unwrap_or(&oid));
    out.push('=');
    let value = attribute.attr_value();
    match text_of(value).filter(|_| short.is_some()) {
        Some(text) => push_escaped(out, &text),
        None => push_hex(out, value),
    }
}

/// RFC 4514 section 3, and the three that people look for.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.97", "organizationIdentifier"),
];

/// The value as text, where it is of a string type and decodes.
fn text_of(value: &Any<'_>) -> Option<String> {
    let bytes = value.data.get(..value.data.len().min(MAX_LEN * 4)).unwrap_or_default();
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
        Tag::T61String => Some(bytes.iter().map(|b| char::from(*b)).collect()),
        Tag::BmpString => {
            let units = bytes.chunks_exact(2).filter_map(|c| Some(u16::from_be_bytes(c.try_into().ok()?)));
            Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
        }
        Tag::UniversalString => {
            let units = bytes.chunks_exact(4).filter_map(|c| Some(u32::from_be_bytes(c.try_into().ok()?)));
            Some(units.map(|c| char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
        }
        _ => None,
    }
}

/// Escapes by RFC 4514 section 2.4.
fn push_escaped(out: &mut String, text: &str) {
    let last = text.chars().count().saturating_sub(1);
    for (i, c) in text.chars().take(MAX_LEN + 1).enumerate() {
        let special = matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';');
        let edge = (c == ' ' && (i == 0 || i == last)) || (c == '#' && i == 0);
        if special || edge {
            out.push('\\');
            out.push(c);
        } else if acts_on_a_terminal(c) {
            let mut utf8 = [0; 4];
            for byte in c.encode_utf8(&mut utf8).bytes() {
                let _ = write!(out, "\\{byte:02x}");
            }
        } else {
            out.push(c);
        }
    }
}

/// `#` and the hex form of the value's DER: for types and strings that have no text.
fn push_hex(out: &mut String, value: &Any<'_>) {
    out.push('#');
    let bytes = value.data.get(..value.data.len().min(MAX_LEN)).unwrap_or_default();
    let tag = u8::try_from(value.tag().0).unwrap_or(0);
    let _ = write!(out, "{tag:02x}");
    match bytes.len() {
        n @ 0..0x80 => _ = write!(out, "{n:02x}"),
        n @ 0x80..0x100 => _ = write!(out, "81{n:02x}"),
        n => _ = write!(out, "82{n:04x}"),
    }
    out.push_str(&data_encoding::HEXLOWER.encode(bytes));
}
