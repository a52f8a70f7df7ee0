//! Services and secrets: round trips, versions, what is shared.

use std::ops::ControlFlow;

use super::*;

fn listed(reader: &Reader, sweep: SweepId) -> Vec<Service> {
    let mut services = Vec::new();
    reader
        .for_each_service(sweep, |service| {
            services.push(service);
            ControlFlow::Continue(())
        })
        .unwrap();
    services
}

#[test]
fn ten_thousand_services_come_back_equal_and_share_what_they_shared() {
    let place = Place::new();
    let mut store = place.store();
    let (shared, line) = (declared("web"), source(1));
    // Half from one line, such as a CIDR; half from a line each.
    let services: Vec<Service> =
        (0..10_000)
            .map(|n| {
                if n < 5_000 { service(n, &shared, &line) } else { service(n, &declared("mail"), &source(n)) }
            })
            .collect();
    let sweep = store.begin_sweep(&new_sweep(10_000)).unwrap();
    store.put_services(sweep, &mut services.iter()).unwrap();

    let reader = store.reader().unwrap();
    let back = listed(&reader, sweep);
    assert_eq!(back.len(), services.len());
    for (expected, got) in services.iter().zip(&back) {
        assert_eq!(expected, got);
    }
    assert!(Arc::ptr_eq(&back[0].declared, &back[4_999].declared));
    assert!(Arc::ptr_eq(&back[0].sources, &back[4_999].sources));
    assert_eq!(reader.services().unwrap(), services);

    let raw = rusqlite::Connection::open(place.file()).unwrap();
    let rows: i64 = raw.query_row("SELECT count(*) FROM declarations", [], |row| row.get(0)).unwrap();
    // Two sets of attributes; one line for the first half, one each for the others.
    assert_eq!(rows, 2 + 1 + 5_000);
}

#[test]
fn a_visit_can_stop() {
    let place = Place::new();
    let store = filled(&place, 20);
    let mut visited = 0;
    store
        .reader()
        .unwrap()
        .for_each_service(SweepId(1), |_| {
            visited += 1;
            if visited == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!(visited, 7);
}

#[test]
fn a_changed_service_gets_a_new_version_and_older_sweeps_keep_theirs() {
    let place = Place::new();
    let mut store = place.store();
    let before = [
        service(1, &declared("web"), &source(1)),
        service(2, &declared("web"), &source(2)),
        service(4, &declared("web"), &source(3)),
    ];
    // The second is gone, the third has a new owner, one is new and comes first.
    let after = [
        service(7, &declared("mail"), &source(1)),
        service(4, &declared("mail"), &source(2)),
        before[0].clone(),
    ];
    let mut lists: Vec<(SweepId, &[Service])> = Vec::new();
    for list in [&before[..], &after, &before] {
        let sweep = store.begin_sweep(&new_sweep(3)).unwrap();
        store.put_services(sweep, &mut list.iter()).unwrap();
        lists.push((sweep, list));
    }
    let reader = store.reader().unwrap();
    for (sweep, list) in lists {
        assert_eq!(listed(&reader, sweep), list, "{sweep}");
    }
    // None is dropped, each as the last sweep had it.
    let all = [before[0].clone(), before[1].clone(), before[2].clone(), after[0].clone()];
    assert_eq!(reader.services().unwrap(), all);
}

#[test]
fn a_list_that_is_not_as_long_as_announced_is_not_kept() {
    let place = Place::new();
    let mut store = place.store();
    let services = [service(1, &declared("web"), &source(1))];
    for announced in [0, 2] {
        let sweep = store.begin_sweep(&new_sweep(announced)).unwrap();
        let error = store.put_services(sweep, &mut services.iter()).unwrap_err();
        assert!(matches!(error, Error::InventoryIncomplete { stored: 1, .. }), "{error}");
        assert_eq!(store.reader().unwrap().services().unwrap(), [], "{announced} announced");
    }
}

#[test]
fn a_sweep_cut_off_before_its_inventory_was_stored_is_not_taken_for_an_empty_one() {
    let place = Place::new();
    let mut store = place.store();
    let sweep = store.begin_sweep(&new_sweep(12)).unwrap();
    let reader = store.reader().unwrap();
    let errors = [
        reader.unfinished_sweep().unwrap_err(),
        reader.for_each_service(sweep, |_| ControlFlow::Continue(())).unwrap_err(),
    ];
    for error in errors {
        let text = error.to_string();
        assert!(text.contains("0 of 12 services"), "{text}");
        assert!(text.contains("allclear sweep INVENTORY"), "{text}");
    }
}

#[test]
fn a_sweep_that_never_was_is_named() {
    let place = Place::new();
    let store = place.store();
    let error = store.reader().unwrap().observed(SweepId(3)).unwrap_err();
    assert!(error.to_string().contains("no sweep s0003"), "{error}");
}

#[test]
fn secrets_are_kept_in_order_and_the_last_version_counts() {
    let place = Place::new();
    let mut store = place.store();
    let first = store.begin_sweep(&new_sweep(0)).unwrap();
    store.put_secrets(first, &[secret("b", "web"), secret("a", "web")]).unwrap();
    let second = store.begin_sweep(&new_sweep(0)).unwrap();
    store.put_secrets(second, &[secret("c", "web"), secret("b", "mail")]).unwrap();
    let expected = [secret("b", "mail"), secret("a", "web"), secret("c", "web")];
    assert_eq!(store.reader().unwrap().secrets().unwrap(), expected);
}
