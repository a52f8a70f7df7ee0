//! Bytes to JSON values, within bounds: size, count of values, depth, and no key twice.
//!
//! A key that stands twice in one object is refused: which of the two counts is a matter of the reader, and a
//! record that two readers read differently decides nothing.

use std::{cell::Cell, fmt};

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, Map, Number, Value};

use super::{ImportError, read::shown};

/// Most bytes of a file.
pub(super) const MAX_BYTES: usize = 64 << 20;
/// Most values of a file: lists of empty lists grow thirty times in memory.
const MAX_VALUES: usize = 4_000_000;

/// Every document of the file: one, or one after the other as in JSON Lines.
pub(super) fn documents(text: &[u8]) -> Result<Vec<Value>, ImportError> {
    if text.len() > MAX_BYTES {
        return Err(ImportError::TooLarge { what: "bytes", limit: MAX_BYTES });
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let left = Cell::new(MAX_VALUES);
    let mut reader = Deserializer::from_slice(text);
    let mut found = Vec::new();
    loop {
        found.push(Seed(&left).deserialize(&mut reader).map_err(|e| complaint(&e, &left))?);
        if reader.end().is_ok() {
            return Ok(found);
        }
    }
}

fn complaint(error: &serde_json::Error, left: &Cell<usize>) -> ImportError {
    if left.get() == 0 {
        return ImportError::TooLarge { what: "values", limit: MAX_VALUES };
    }
    let text = error.to_string();
    let message = text.rsplit_once(" at line ").map_or(&*text, |(message, _)| message).to_owned();
    ImportError::NotJson { line: error.line(), column: error.column(), message }
}

#[derive(Clone, Copy)]
struct Seed<'b>(&'b Cell<usize>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        let left = self.0.get().saturating_sub(1);
        self.0.set(left);
        if left == 0 {
            return Err(de::Error::custom("too many values"));
        }
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            if object.contains_key(&key) {
                let message = format!("the key `{}` stands twice in one object", shown(&key));
                return Err(de::Error::custom(message));
            }
            let value = fields.next_value_seed(self)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}
