//! Views of the classification: counts for `inventory check`, lists by one question with the unknown
//! first, and the `derived` part of a JSON line. It decides nothing.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write},
};

use serde_json::{Map, Value, json};

use super::{
    style::{Ink, Screen},
    table::{Column, Table},
};
use crate::model::{
    classified::{Answer, Basis, Classified},
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
            let value = match classified.issues_tokens.value {
                Some(true) => "yes",
                Some(false) => "no",
                None => "unknown",
            };
            of(&classified.issues_tokens, value.to_owned())
        }
        Question::Owner => match &classified.owner {
            Some(owner) => of(owner, owner.value.clone()),
            None => {
                Told { value: "unknown".to_owned(), basis: Basis::Nothing, because: "no owner and no rule" }
            }
        },
    }
}

/// Unknown first, then guesses, then what is known; within each by value.
fn rank(told: &Told<'_>) -> (u8, String) {
    let rank = match told.basis {
        Basis::Nothing => 0,
        Basis::Guessed => 1,
        Basis::Said | Basis::Seen => 2,
    };
    (rank, told.value.clone())
}

/// The three questions as counts, a line each, the unknown first; guesses are marked.
pub fn summary(classified: &mut dyn Iterator<Item = Classified>) -> String {
    let questions = [
        ("who can reach it", Question::Exposure),
        ("how it gets its TLS code", Question::Stack),
        ("issues tokens to others", Question::Tokens),
    ];
    let mut counts: [BTreeMap<(u8, String), usize>; 3] = Default::default();
    for one in classified {
        for ((_, question), counts) in questions.iter().zip(&mut counts) {
            *counts.entry(rank(&told(*question, &one))).or_default() += 1;
        }
    }
    if counts.iter().all(BTreeMap::is_empty) {
        return String::new();
    }
    let mut text =
        "\nThe three questions, unknown first (~ is a guess; `inventory list --by` shows each):\n".to_owned();
    for ((title, _), counts) in questions.iter().zip(counts) {
        let counts: Vec<String> = counts
            .into_iter()
            .map(|((rank, value), n)| format!("{n} {value}{}", if rank == 1 { "~" } else { "" }))
            .collect();
        let _ = writeln!(text, "  {title:<26}{}", counts.join(", ")); // into a string, cannot fail
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
    all.sort_by_cached_key(|(_, c)| rank(&told(question, c)));
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
        insta::assert_snapshot!(summary(&mut all.into_iter()), @r"

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
