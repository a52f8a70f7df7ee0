//! Views of the classification: counts for `inventory check`, lists by one question with the unknown
//! first, and the `derived` part of a JSON line. It decides nothing.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use serde_json::{Map, Value, json};

use super::{
    style::{Ink, Screen},
    table::{Column, Table},
};
use crate::model::{
    classified::{Answer, Basis, Classified, Counts, yes_or_no},
    service::Service,
    vocabulary,
};

vocabulary! {
    /// The questions by which services are listed.
    Question, "question" {
        /// Who can reach them.
        Exposure = "exposure",
        /// How they come by their TLS code.
        Stack = "stack",
        /// Whether they issue tokens, and what they hold.
        Tokens = "tokens",
        /// Who answers for them.
        Owner = "owner",
    }
}

/// An answer as text with its basis and reason.
struct Told<'c> {
    value: String,
    basis: Basis,
    because: &'c str,
}

fn told(question: Question, classified: &Classified) -> Told<'_> {
    fn of<T>(answer: &Answer<T>, value: String) -> Told<'_> {
        Told { value, basis: answer.basis, because: &answer.because }
    }
    match question {
        Question::Exposure => of(&classified.exposure, classified.exposure.value.to_string()),
        Question::Stack => of(&classified.stack, classified.stack.value.to_string()),
        Question::Tokens => {
            of(&classified.issues_tokens, yes_or_no(classified.issues_tokens.value).to_owned())
        }
        Question::Owner => match &classified.owner {
            Some(owner) => of(owner, owner.value.clone()),
            None => {
                Told { value: "unknown".to_owned(), basis: Basis::Nothing, because: "no owner and no rule" }
            }
        },
    }
}

/// Unknown first, then guesses, then what is known.
const fn rank(basis: Basis) -> u8 {
    match basis {
        Basis::Nothing => 0,
        Basis::Guessed => 1,
        Basis::Said | Basis::Seen => 2,
    }
}

/// The three questions as counts, a line each, the unknown first; guesses are marked.
pub fn summary(counts: &Counts) -> String {
    let titles = [
        ("who can reach it", &counts.exposure),
        ("how it gets its TLS code", &counts.stack),
        ("issues tokens to others", &counts.issues_tokens),
    ];
    if counts.exposure.is_empty() {
        return String::new();
    }
    let mut text =
        "\nThe three questions, unknown first (~ is a guess; `inventory list --by` shows each):\n".to_owned();
    for (title, counts) in titles {
        let mut counts: Vec<_> = counts.iter().map(|((basis, value), n)| (rank(*basis), *value, n)).collect();
        counts.sort_unstable();
        let counts = counts.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).filter_map(|same| {
            let (rank, value, _) = same.first()?;
            let n: usize = same.iter().map(|(.., n)| **n).sum();
            Some(format!("{n} {value}{}", if *rank == 1 { "~" } else { "" }))
        });
        let _ = writeln!(text, "  {title:<26}{}", counts.collect::<Vec<_>>().join(", ")); // into a string, cannot fail
    }
    text.push_str("  An unknown exposure is treated as public, an unknown stack as OpenSSL; guesses change no due date.\n");
    text
}

/// Every service with its answer to one question and the reason, the unknown first.
pub fn list(
    services: &[Service],
    classified: &[Classified],
    question: Question,
    screen: &Screen,
    out: &mut dyn Write,
) -> io::Result<()> {
    let title = match question {
        Question::Exposure => "EXPOSURE",
        Question::Stack => "TLS STACK",
        Question::Tokens => "TOKENS",
        Question::Owner => "OWNER",
    };
    let who = if question == Question::Owner { "ENV" } else { "OWNER" };
    let mut columns = vec![
        Column::text(title, 24),
        Column::text("ROW", 128),
        Column::text("SERVICE", 48),
        Column::text(who, 24),
    ];
    if question == Question::Tokens {
        columns.push(Column::text("HOLDS", 40));
    }
    columns.push(Column::text("WHY", 200));
    let mut all: Vec<(&Service, &Classified)> = services.iter().zip(classified).collect();
    all.sort_by_cached_key(|(_, c)| {
        let told = told(question, c);
        (rank(told.basis), told.value)
    });
    let mut table = Table::new(0, &columns);
    for (service, classified) in all {
        let told = told(question, classified);
        let ink = if told.basis == Basis::Nothing { Ink::Warn } else { Ink::Plain };
        let guess = if told.basis == Basis::Guessed { "~" } else { "" };
        let plain = |text: String| (text, Ink::Plain);
        let who = match question {
            Question::Owner => service.declared.env.clone(),
            _ => classified.owner.as_ref().map(|owner| owner.value.clone()),
        };
        let mut cells = vec![
            (format!("{}{guess}", told.value), ink),
            plain(service.row_id.to_string()),
            plain(service.display_port()),
            plain(who.unwrap_or_else(|| "-".to_owned())),
        ];
        if question == Question::Tokens {
            cells.push(plain(classified.holds.join(" ")));
        }
        cells.push((told.because.to_owned(), Ink::Dim));
        table.row(cells);
    }
    // A listing is grepped and cut by others: it is as wide as it is.
    let width = screen.width.max(WIDEST);
    table.lines(width, screen.style).iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// How wide a listing may get, in columns.
const WIDEST: usize = 400;

/// The `derived` object of a JSON line: each answer with its basis and reason.
pub fn derived(classified: &Classified) -> Value {
    fn put<T>(to: &mut Map<String, Value>, key: &str, answer: &Answer<T>, value: &Value) {
        to.insert(
            key.to_owned(),
            json!({"value": value, "basis": answer.basis.as_str(), "because": answer.because}),
        );
    }
    let mut map = Map::new();
    if let Some(owner) = &classified.owner {
        put(&mut map, "owner", owner, &json!(owner.value));
    }
    put(&mut map, "exposure", &classified.exposure, &json!(classified.exposure.value));
    put(&mut map, "tls_stack", &classified.stack, &json!(classified.stack.value));
    let tokens = &classified.issues_tokens;
    put(&mut map, "issues_tokens", tokens, &tokens.value.map_or(Value::Null, Value::Bool));
    map.insert("holds".to_owned(), json!(classified.holds));
    map.insert("kind".to_owned(), json!(classified.kind));
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::service::{Exposure, TlsStack};

    fn classified(exposure: Exposure, basis: Basis) -> Classified {
        Classified {
            owner: None,
            exposure: Answer::new(exposure, basis, "why"),
            stack: Answer::new(TlsStack::Unknown, Basis::Nothing, "nobody said"),
            issues_tokens: Answer::new(Some(true), Basis::Guessed, "usual for TURN server"),
            holds: vec!["B1".to_owned(), "C7".to_owned()],
            kind: "turn".to_owned(),
        }
    }

    #[test]
    fn the_unknown_is_counted_first_and_a_guess_is_marked() {
        let all = [
            classified(Exposure::Public, Basis::Said),
            classified(Exposure::Internal, Basis::Guessed),
            classified(Exposure::Unknown, Basis::Nothing),
            classified(Exposure::Public, Basis::Seen),
        ];
        let count = |part: &[Classified]| {
            let mut counts = Counts::default();
            for one in part {
                counts.add(one);
            }
            counts
        };
        let (first, rest) = all.split_at(1);
        insta::assert_snapshot!(summary(&count(first).with(count(rest))), @r"

        The three questions, unknown first (~ is a guess; `inventory list --by` shows each):
          who can reach it          1 unknown, 1 internal~, 2 public
          how it gets its TLS code  4 unknown
          issues tokens to others   4 yes~
          An unknown exposure is treated as public, an unknown stack as OpenSSL; guesses change no due date.
        ");
    }

    #[test]
    fn json_tells_basis_and_reason() {
        let value = derived(&classified(Exposure::Internal, Basis::Guessed));
        assert_eq!(value["exposure"], json!({"value": "internal", "basis": "guessed", "because": "why"}));
        assert_eq!(value["holds"], json!(["B1", "C7"]));
        assert!(value.get("owner").is_none(), "what nobody said is absent");
    }
}
