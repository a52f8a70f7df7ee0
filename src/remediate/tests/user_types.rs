//! A user's own rows over the tables.

use super::{
    super::{Types, TypesError},
    build,
};
use crate::model::{
    kinds::{SecretType, ServiceType},
    policy::Policy,
    secret::Tier,
};

fn service(name: &str, aliases: &[&str]) -> ServiceType {
    ServiceType {
        name: name.to_owned(),
        aliases: aliases.iter().map(|a| (*a).to_owned()).collect(),
        title: "our own".to_owned(),
        drops: "Doors stay shut.".to_owned(),
        ..ServiceType::default()
    }
}

fn kind(code: &str, tier: Tier) -> SecretType {
    SecretType { code: code.to_owned(), tier, aliases: Vec::new(), ..SecretType::fallback() }
}

fn policy(services: Vec<ServiceType>, secrets: Vec<SecretType>) -> Policy {
    Policy { service_type: services, secret_type: secrets, ..Policy::default() }
}

#[test]
fn rows_are_added_and_those_of_the_same_name_take_the_place() {
    let doors = ServiceType { holds: vec!["D20".to_owned()], ..service("Door Opener", &["Gate"]) };
    let nginx = ServiceType { aliases: vec!["openresty".to_owned()], ..service("nginx", &[]) };
    let badge = SecretType { aliases: vec!["Badge Key".to_owned()], ..kind("D20", Tier::D) };
    let turn = SecretType { title: "our TURN".to_owned(), ..kind("C7", Tier::C) };
    let own = policy(vec![doors, nginx], vec![badge, turn]);
    let types = Types::with(&own).expect("they fit");
    let embedded = Types::embedded();
    assert_eq!(types.service_types().len(), embedded.service_types().len() + 1);
    assert_eq!(types.secret_types().len(), embedded.secret_types().len() + 1);
    assert_eq!(
        types.of_service(&build::typed("d.example.test", 443, "door_opener", None)).drops,
        "Doors stay shut."
    );
    assert_eq!(types.of_service(&build::typed("d.example.test", 443, "GATE", None)).name, "door-opener");
    assert_eq!(types.service_type("nginx").map(|t| t.title.as_str()), Some("our own"));
    assert_eq!(types.secret_type("badge_key").code, "D20");
    assert_eq!(types.secret_type("C7").title, "our TURN");
    assert_eq!(types.secret_type("C1").title, embedded.secret_type("C1").title, "the others stay");
    let door = build::typed("d.example.test", 443, "gate", None);
    let implied = super::super::implied_secrets(std::slice::from_ref(&door), &[], &types);
    assert_eq!(implied.iter().map(|s| s.kind.as_str()).collect::<Vec<_>>(), ["D20"]);
}

#[test]
fn the_type_of_last_resort_can_be_replaced() {
    let other = SecretType { title: "Whatever else".to_owned(), ..kind("C0", Tier::C) };
    let generic = ServiceType { title: "thing".to_owned(), ..service("generic", &[]) };
    let types = Types::with(&policy(vec![generic], vec![other])).expect("they fit").into_owned();
    assert_eq!(types.secret_type("no such word").title, "Whatever else");
    assert_eq!(types.of_service(&build::typed("h", 40_000, "no such word", None)).title, "thing");
}

#[test]
fn without_rows_of_ones_own_nothing_is_copied() {
    assert!(matches!(Types::with(&Policy::default()), Ok(std::borrow::Cow::Borrowed(_))));
}

#[test]
fn rows_that_cannot_be_used_are_refused_by_their_name() {
    let after =
        |code: &str, tier, after: &str| SecretType { after: vec![after.to_owned()], ..kind(code, tier) };
    let holds = ServiceType { holds: vec!["Z9".to_owned()], ..service("door", &[]) };
    let port = ServiceType { ports: vec![443], ..service("door", &[]) };
    let hint = crate::model::kinds::Hint { kinds: Vec::new(), step: 9, text: "x".to_owned() };
    let table: Vec<(Policy, &str)> = vec![
        (policy(vec![service("door", &["nginx"])], vec![]), "`nginx` means two service types"),
        (policy(vec![port], vec![]), "`443` means two service types"),
        (policy(vec![service("door", &[]), service("Door", &[])], vec![]), "`door` means two service types"),
        (policy(vec![holds], vec![]), "`door` names the secret type `Z9`, which is not in the table"),
        (
            policy(vec![ServiceType { drops: String::new(), ..service("door", &[]) }], vec![]),
            "the service type `door`: `drops` is empty",
        ),
        (policy(vec![service("", &[])], vec![]), "`name` is empty"),
        (
            policy(vec![], vec![SecretType { aliases: vec!["dkim".to_owned()], ..kind("D20", Tier::D) }]),
            "`dkim` means two secret types",
        ),
        (policy(vec![], vec![kind("D20", Tier::D), kind("d20", Tier::D)]), "`d20` means two secret types"),
        (policy(vec![], vec![after("D20", Tier::D, "D99")]), "`D20` names the secret type `D99`"),
        (policy(vec![], vec![after("C20", Tier::C, "D1")]), "of a later tier"),
        (
            policy(vec![], vec![after("D20", Tier::D, "D21"), after("D21", Tier::D, "D20")]),
            "comes after itself",
        ),
        (policy(vec![], vec![kind("C20", Tier::D)]), "begins like one of another tier than D"),
        (policy(vec![], vec![kind("A1", Tier::A)]), "that of another kind of line"),
        (policy(vec![], vec![kind("two words", Tier::C)]), "a `code` is letters"),
        (policy(vec![], vec![SecretType { steps: Vec::new(), ..kind("C20", Tier::C) }]), "`steps` is empty"),
        (
            policy(vec![], vec![SecretType { attest: "deployed".to_owned(), ..kind("C20", Tier::C) }]),
            "would stay open",
        ),
        (
            policy(vec![], vec![SecretType { commands: vec![hint], ..kind("C20", Tier::C) }]),
            "belongs to step 9, and there are 1",
        ),
    ];
    for (policy, expected) in table {
        let error: TypesError = Types::with(&policy).expect_err(expected);
        assert!(error.to_string().contains(expected), "expected {expected:?}, got: {error}");
    }
}
