//! The entry point of the fuzz target: any bytes, in every role that a file can have.

use super::{Input, Loaded, Options, format::FORMATS, intake::MOST_WITHOUT_SCOPE, load, scope::Scope};

/// Loads the bytes as services CSV, list, secrets CSV and scope, and asserts what must hold of every
/// result. It panics when something does not: that is a finding.
#[expect(clippy::missing_panics_doc, reason = "panics are what the fuzzer looks for")]
pub fn fuzz(data: &[u8]) {
    let input = [Input::Text { name: "fuzz".to_owned(), text: data.to_vec(), format: None }];
    let one = [Input::Text { name: "one".to_owned(), text: b"192.0.2.1\n".to_vec(), format: None }];
    // A network of a million addresses is right, and tells a fuzzer nothing.
    if has_large_network(data) {
        return;
    }
    for format in [None, Some("csv"), Some("list")] {
        let options = Options { format: format.map(str::to_owned), ..Options::default() };
        if let Ok(loaded) = load(&input, &[], &options) {
            accounted(&loaded);
        }
    }
    if let Ok(loaded) = load(&one, &input, &Options::default()) {
        accounted(&loaded);
        let secrets = loaded.rows - 1;
        assert_eq!(
            secrets,
            loaded.secrets.len() as u64 + loaded.bad.len() as u64,
            "every secret is kept or bad"
        );
        if let Ok(scope) = Scope::new(&loaded.services, input.first(), &[]) {
            for service in &loaded.services {
                let _ = scope.decide(service, service.addresses.first().copied());
            }
        }
    }
}

/// Reads the bytes in one format: the first byte picks it by its letter. What every format owes is asserted.
#[expect(clippy::missing_panics_doc, reason = "panics are what the fuzzer looks for")]
pub fn fuzz_format(data: &[u8]) {
    let Some((letter, rest)) = data.split_first() else { return };
    let Some(format) = FORMATS.iter().find(|format| format.letter == *letter) else { return };
    if has_large_network(rest) {
        return;
    }
    let input = [Input::Text { name: "fuzz".to_owned(), text: rest.to_vec(), format: Some(format.name) }];
    let options = Options { partial: true, ..Options::default() };
    match load(&input, &[], &options) {
        Ok(loaded) => accounted(&loaded),
        Err(error) => {
            let text = error.to_string();
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        }
    }
}

/// Whether some `/` is followed by a prefix length that a list would expand to more than a few
/// thousand addresses: IPv4 below /20, IPv6 below /116.
fn has_large_network(data: &[u8]) -> bool {
    data.split(|&b| b == b'/').skip(1).any(|rest| {
        let digits = rest.iter().take_while(|b| b.is_ascii_digit());
        let prefix = digits.take(4).fold(0_u32, |n, b| n * 10 + u32::from(b - b'0'));
        // Without a digit it is a closing tag or a path.
        rest.first().is_some_and(u8::is_ascii_digit) && (prefix < 20 || (33..116).contains(&prefix))
    })
}

/// What holds of every result.
fn accounted(loaded: &Loaded) {
    let services = loaded.services.len() as u64;
    assert_eq!(loaded.expanded, services + loaded.merged, "every service stands alone or is merged");
    let good = loaded.rows - loaded.bad.len() as u64;
    let secrets = loaded.secrets.len() as u64;
    assert!(
        good >= secrets && loaded.expanded >= good - secrets,
        "every good row stands for a service or a secret"
    );
    assert!(services <= MOST_WITHOUT_SCOPE, "nothing huge without a scope");
    let mut ids: Vec<_> = loaded.services.iter().map(|service| &service.row_id).collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair.first() != pair.last()), "each row id once");
    for service in &loaded.services {
        assert!(service.port > 0 && !service.sources.is_empty());
        assert!(
            service.name.is_some() || service.addresses.len() == 1,
            "a service has a name or one address"
        );
    }
    let lines = loaded.bad.iter().map(|bad| (bad.line, bad.column, bad.to_string()));
    for (line, column, text) in lines {
        assert!(line > 0 && column > 0 && !text.chars().any(char::is_control), "{text:?}");
    }
}
