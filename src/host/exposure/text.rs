//! An nft rule for people to read: close to what `nft list ruleset` prints, from its JSON.

use serde_json::Value;

use super::rules::quote;

/// Elements of a set that are shown.
const SHOWN: usize = 6;

/// Parts within parts that are shown.
const DEPTH: usize = 8;

/// The whole rule with where it stands.
pub(super) fn rule(table: &str, chain: &str, rule: &Value, expressions: &[Value]) -> String {
    let mut words = vec![table.to_owned(), chain.to_owned()];
    words.extend(expressions.iter().take(40).map(statement).filter(|words| !words.is_empty()));
    let comment = string(rule, "comment");
    if !comment.is_empty() {
        words.push(format!("comment \"{comment}\""));
    }
    quote(&words.join(" "))
}

fn statement(expression: &Value) -> String {
    let Some((kind, inner)) = expression.as_object().and_then(|object| object.iter().next()) else {
        return value(expression, DEPTH);
    };
    match kind.as_str() {
        "match" => {
            let side = |name: &str| value(inner.get(name).unwrap_or(&Value::Null), DEPTH);
            match string(inner, "op") {
                "==" | "in" | "" => format!("{} {}", side("left"), side("right")),
                operator => format!("{} {operator} {}", side("left"), side("right")),
            }
        }
        "vmap" => {
            let side = |name: &str| value(inner.get(name).unwrap_or(&Value::Null), DEPTH);
            format!("{} vmap {}", side("key"), side("data"))
        }
        "counter" => String::new(),
        "jump" | "goto" => format!("{kind} {}", string(inner, "target")),
        "xt" => format!("xt {} {}", string(inner, "type"), string(inner, "name")),
        "dnat" | "redirect" => {
            let part = |name: &str| inner.get(name).map(|part| value(part, DEPTH)).unwrap_or_default();
            format!("{kind} to {}:{}", part("addr"), part("port"))
        }
        _ if inner.is_null() => kind.clone(),
        _ => format!("{kind} {}", value(inner, DEPTH)).trim_end().to_owned(),
    }
}

fn value(shown: &Value, depth: usize) -> String {
    let Some(depth) = depth.checked_sub(1) else {
        return "…".to_owned();
    };
    let list = |values: &[Value], between: &str| -> String {
        let mut parts: Vec<String> = values.iter().take(SHOWN).map(|part| value(part, depth)).collect();
        if values.len() > SHOWN {
            parts.push("…".to_owned());
        }
        parts.join(between)
    };
    match shown {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => shown.to_string(),
        Value::Array(values) => list(values, " : "),
        Value::Object(object) => {
            let Some((kind, inner)) = object.iter().next() else {
                return String::new();
            };
            match (kind.as_str(), inner) {
                ("payload", _) => format!("{} {}", string(inner, "protocol"), string(inner, "field")),
                ("meta" | "ct", _) => {
                    let word = if kind == "ct" { "ct " } else { "" };
                    format!("{word}{}", string(inner, "key"))
                }
                ("set", Value::Array(values)) => format!("{{ {} }}", list(values, ", ")),
                ("range", Value::Array(values)) => list(values, "-"),
                ("concat", Value::Array(values)) => list(values, " . "),
                ("&", Value::Array(values)) => list(values, " & "),
                ("|", Value::Array(values)) => list(values, "|"),
                ("prefix", _) => {
                    let length = inner.get("len").map(Value::to_string).unwrap_or_default();
                    format!("{}/{length}", string(inner, "addr"))
                }
                ("elem", _) => value(inner.get("val").unwrap_or(inner), depth),
                ("fib", _) => format!("fib {}", string(inner, "result")),
                ("jump" | "goto", _) => format!("{kind} {}", string(inner, "target")),
                _ => kind.clone(),
            }
        }
    }
}

pub(super) fn string<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}
