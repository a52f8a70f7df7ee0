//! What is worth telling about an inventory once all of it is known. Nothing here changes a service.

use std::collections::{BTreeSet, HashMap};

use crate::model::{
    expect,
    ids::RowId,
    loading::{Loaded, Notice, NoticeKind},
    service::Service,
};

/// How many names one notice lists.
const LISTED: usize = 5;

/// Adds the notices that need every service.
pub(super) fn add(loaded: &mut Loaded, index: &HashMap<RowId, usize>) {
    let mut notices = same_services(&loaded.services, index);
    notices.extend(shared_addresses(&loaded.services));
    notices.extend(bad_expectations(&loaded.services));
    loaded.notices.extend(notices);
}

/// Secrets without the inventory that they are about: whether it knows what they name cannot be told.
pub(super) fn secrets_alone(loaded: &mut Loaded) {
    let before = loaded.notices.len();
    loaded.notices.retain(|notice| notice.kind != NoticeKind::UnresolvedService);
    if loaded.notices.len() < before {
        let message =
            "no input holds a service, so whether the inventory has what the secrets name was not checked";
        loaded.notices.push(Notice { kind: NoticeKind::LeftOut, message: message.to_owned(), source: None });
    }
}

/// Expectations that cannot be read, once for each line.
fn bad_expectations(services: &[Service]) -> Vec<Notice> {
    let mut told = BTreeSet::new();
    let mut notices = Vec::new();
    for service in services {
        let Some(text) = service.declared.expect.as_deref() else { continue };
        let Err(error) = expect::parse(text) else { continue };
        let source = service.sources.first();
        if told.insert(source.map(|s| (s.file.clone(), s.line))) {
            notices.push(Notice {
                kind: NoticeKind::BadExpectation,
                message: format!(
                    "expect, character {}: {}; the service is swept without it",
                    error.column, error.message
                ),
                source: source.cloned(),
            });
        }
    }
    notices
}

/// One service declared with an id in one place and without, or with another id, elsewhere: it would
/// have two rows in the tracker for ever.
fn same_services(services: &[Service], index: &HashMap<RowId, usize>) -> Vec<Notice> {
    let mut first: HashMap<RowId, usize> = HashMap::new();
    let mut notices = Vec::new();
    for (at, service) in services.iter().enumerate().filter(|(_, service)| service.id_declared) {
        let host = match (&service.name, service.addresses.first()) {
            (Some(name), _) => name.to_string(),
            (None, Some(address)) => address.to_string(),
            (None, None) => continue,
        };
        let sni = service.sni.as_deref().unwrap_or_default();
        let derived = RowId::derived(&host, service.port, service.transport, service.wrap, sni);
        let without_id = index.get(&derived).filter(|&&other| other != at);
        let other = without_id.or_else(|| first.get(&derived)).and_then(|&other| services.get(other));
        if let Some(other) = other {
            notices.push(Notice {
                kind: NoticeKind::SameService,
                message: format!(
                    "{} is the same service as {}{}; give both the same id, or remove one",
                    describe(service),
                    describe(other),
                    place(other)
                ),
                source: service.sources.first().cloned(),
            });
        }
        first.entry(derived).or_insert(at);
    }
    notices
}

fn describe(service: &Service) -> String {
    format!("{} ({})", service.row_id, service.display_port())
}

fn place(service: &Service) -> String {
    service.sources.first().map_or_else(String::new, |s| format!(" at {}:{}", s.file, s.line))
}

/// One address and port under several names: right for virtual hosts, a mistake elsewhere.
fn shared_addresses(services: &[Service]) -> Vec<Notice> {
    let mut endpoints: Vec<_> = services
        .iter()
        .enumerate()
        .flat_map(|(at, s)| s.addresses.iter().map(move |&address| (address, s.port, s.transport, at)))
        .collect();
    endpoints.sort_unstable();
    let mut notices = Vec::new();
    for group in endpoints.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2)) {
        let declared: Vec<&Service> = group.iter().filter_map(|&(.., at)| services.get(at)).collect();
        let (Some(first), Some(&(address, port, ..))) = (declared.first(), group.first()) else {
            continue;
        };
        if declared.iter().all(|service| service.name == first.name) {
            continue;
        }
        let names: Vec<String> = declared
            .iter()
            .take(LISTED)
            .map(|service| format!("{}{}", service.display_name(), place(service)))
            .collect();
        let more = match declared.len().saturating_sub(LISTED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        notices.push(Notice {
            kind: NoticeKind::SharedAddress,
            message: format!(
                "{} is declared as {}{more}",
                std::net::SocketAddr::new(address, port),
                names.join(", ")
            ),
            source: first.sources.first().cloned(),
        });
    }
    notices
}
