//! The way in for fuzzing: every parser of this part, chosen by the first byte.

use super::{
    config::{apache, exim, lines, lua, nginx, plain_path, small, tags},
    openssh, private,
};
use crate::{host::root::path_text, model::glob::matches_file};

/// Feeds one parser; what it gives must hold nothing of a key's text.
///
/// # Panics
///
/// Where an invariant does not hold.
pub fn fuzz(data: &[u8]) {
    let Some((&which, data)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(data);
    match which % 12 {
        0 => keys(data),
        1 => no_text(data, &format!("{:?}", private::key(data, None, &[]))),
        2 => no_text(data, &format!("{:?}", openssh::key(data))),
        3 => {
            if let Some(spki) = private::certificate_spki(data) {
                assert!(spki.len() <= data.len());
                let _ = private::describe(&spki);
            }
        }
        4 => {
            for continued in [lines::Continued::No, lines::Continued::Indent, lines::Continued::Backslash] {
                let count = lines::lines(&text, &["#", ";"], continued).len();
                assert!(count <= text.lines().count().saturating_mul(3));
            }
        }
        5 => assert!(nginx::tokens(&text).len() <= text.len()),
        6 => assert!(apache::directives(&text).iter().all(|(line, words)| *line > 0 && !words.is_empty())),
        7 => {
            let mut macros = exim::Macros::default();
            assert!(exim::active(&text, &mut macros).len() <= text.lines().count());
        }
        8 => assert!(lua::assignments(&text).len() <= text.len()),
        9 => {
            for hashes in [false, true] {
                let tags = tags::tags(&text, hashes);
                assert!(tags.len() <= text.len());
                assert!(tags.iter().all(|t| t.attributes.len() <= text.len()));
            }
        }
        10 => {
            let path = plain_path(&text).unwrap_or_default();
            assert!(path_text(&path).split('/').all(|part| part.len() <= 255 && !part.contains("-----")));
            assert!(small::yaml_files(&text).len() <= text.len());
            assert!(small::erlang_files(&text).len() <= text.len());
            let known = |name: &str| (name == "a").then_some("$a$a");
            assert!(lines::expand(&text, &known).is_none_or(|whole| !whole.contains('$')));
        }
        _ => {
            let (pattern, name) = data.split_at_checked(data.len() / 2).unwrap_or_default();
            let _ = matches_file(pattern, name);
            let hidden = name.starts_with(b".");
            assert!(matches_file(name, name) || name.iter().any(|b| b"*?[".contains(b)));
            assert!(hidden || matches_file(b"*", name));
        }
    }
}

fn keys(data: &[u8]) {
    let certificates: Vec<Vec<u8>> = private::certificate_spki(data).into_iter().collect();
    let found = private::keys_in(data, &certificates);
    assert!(found.iter().all(|f| f.from.is_none_or(|at| at < certificates.len())));
    no_text(data, &format!("{found:?}"));
}

/// No sixteen bytes of the input stand in what is shown, unless the input holds our own words.
fn no_text(data: &[u8], shown: &str) {
    const WORDS: &[&str] = &["Found", "form", "KeyAlgorithm", "note", "certificate", "private key"];
    let text = String::from_utf8_lossy(data);
    if WORDS.iter().any(|word| text.contains(word)) {
        return;
    }
    for window in
        data.windows(16).filter(|w| w.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b)))
    {
        let window = String::from_utf8_lossy(window);
        assert!(!shown.contains(window.as_ref()), "a key's text is shown");
    }
}
