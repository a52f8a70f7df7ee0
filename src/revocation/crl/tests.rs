//! Lists that `openssl` does not make: odd numbers, contradictions, other issuers' entries, hostile bytes.

use proptest::prelude::*;

use super::{
    super::{
        answer::Revoked,
        der::wrap,
        testing::{Signer, entry, extension, generalized, now, oid, reason, seq, utc},
    },
    *,
};
use crate::model::revocation::RevocationReason;

const ISSUER: &[u8] = &[0x55, 0x1d, 0x1d];
const POINT: &[u8] = &[0x55, 0x1d, 0x1c];

fn serial(text: &str) -> Serial {
    Serial::of_text(text).unwrap()
}

/// What a list of the signer says of one serial.
fn said(signer: &Signer, list: &[u8], text: &str) -> Answer {
    let authority = Authority::read(&signer.der).unwrap();
    let urls = ["http://h/a.crl".to_owned()];
    let wanted = Wanted { serial: &serial(text), is_ca: false, urls: &urls };
    judge(list, &authority, &[wanted], now()).remove(0)
}

/// `good`, `revoked REASON` or why it is unknown.
fn word(answer: &Answer) -> String {
    match answer {
        Answer::Good(_) => "good".into(),
        Answer::Revoked(Revoked { reason, .. }, _) => {
            format!("revoked {}", reason.map_or("-", RevocationReason::as_str))
        }
        Answer::Unknown(why) => why.to_string(),
    }
}

#[test]
fn serials_are_compared_as_numbers() {
    let signer = Signer::new("A", &[]);
    let list = signer.list(
        &[
            entry(&[0, 0, 0x80], &[]),
            entry(&[0x81], &[reason(1)]),
            entry(&[0], &[]),
            entry(&[0x12, 0x34], &[]),
        ],
        &[],
    );
    let table = [
        ("0x80", "revoked -"),
        ("0x0080", "revoked -"),
        ("-0x80", "good"),
        ("-0x7f", "revoked keyCompromise"),
        ("0x81", "good"),
        ("0x00", "revoked -"),
        ("0x1234", "revoked -"),
        ("0x12", "good"),
        ("0x34", "good"),
        ("0x123400", "good"),
    ];
    for (text, expected) in table {
        assert_eq!(word(&said(&signer, &list, text)), expected, "{text}");
    }
}

#[test]
fn reasons_dates_and_contradictions_of_entries() {
    let signer = Signer::new("A", &[]);
    let since = extension(&[0x55, 0x1d, 0x18], false, &generalized("20140407000000Z"));
    let odd = |critical| extension(&[0x2a, 0x03], critical, &[5, 0]);
    let list = signer.list(
        &[
            entry(&[1], &[reason(1), since]),
            entry(&[2], &[reason(8)]),
            entry(&[3], &[reason(8)]),
            entry(&[3], &[reason(4)]),
            entry(&[3], &[reason(8)]),
            entry(&[4], &[reason(7)]),
            entry(&[5], &[odd(false)]),
        ],
        &[],
    );
    assert_eq!(
        said(&signer, &list, "0x01"),
        Answer::Revoked(
            Revoked {
                at: "2026-06-10".parse().unwrap(),
                reason: Some(RevocationReason::KeyCompromise),
                invalid_since: Some("2014-04-07".parse().unwrap()),
            },
            Window {
                this_update: "2026-06-01".parse().unwrap(),
                next_update: Some("2026-06-30".parse().unwrap()),
            }
        )
    );
    assert_eq!(word(&said(&signer, &list, "0x02")), "its entry lifts a hold, which only a delta list can");
    assert_eq!(word(&said(&signer, &list, "0x03")), "revoked superseded");
    assert_eq!(word(&said(&signer, &list, "0x04")), "revoked -", "a number that means nothing");
    assert_eq!(word(&said(&signer, &list, "0x05")), "revoked -");
    assert_eq!(word(&said(&signer, &list, "0x06")), "good");

    let list = signer.list(&[entry(&[1], &[odd(true)])], &[]);
    assert_eq!(word(&said(&signer, &list, "0x01")), "revoked -");
    let why = "not on the list, but an entry has a critical extension that is not known here";
    assert_eq!(word(&said(&signer, &list, "0x02")), why);
}

#[test]
fn entries_of_other_issuers_on_an_indirect_list_do_not_count() {
    let signer = Signer::new("A", &[]);
    let of = |name: &[u8]| extension(ISSUER, true, &seq(&[&wrap(context(4), &[name])]));
    let other = super::super::testing::name("B");
    let indirect = extension(POINT, true, &seq(&[&wrap(0x84, &[&[0xff]])]));
    let entries = [
        entry(&[1], &[]),
        entry(&[2], &[of(&other)]),
        entry(&[3], &[]),
        entry(&[4], &[of(&signer.name)]),
        entry(&[5], &[]),
    ];
    let list = signer.list(&entries, &[indirect]);
    let not = "not on the list, but it is an indirect list";
    for (text, expected) in
        [("0x01", "revoked -"), ("0x02", not), ("0x03", not), ("0x04", "revoked -"), ("0x05", "revoked -")]
    {
        assert_eq!(word(&said(&signer, &list, text)), expected, "{text}");
    }
}

#[test]
fn a_list_of_end_entities_says_nothing_of_an_authority() {
    let signer = Signer::new("A", &[]);
    let list = signer.list(&[], &[extension(POINT, true, &seq(&[&wrap(0x81, &[&[0xff]])]))]);
    let authority = Authority::read(&signer.der).unwrap();
    let serial = serial("0x01");
    let words = [false, true].map(|is_ca| {
        let wanted = Wanted { serial: &serial, is_ca, urls: &[] };
        word(&judge(&list, &authority, &[wanted], now())[0])
    });
    assert_eq!(words[0], "good");
    assert_eq!(words[1], "not on the list, but it is a list of end entities' certificates only");
}

#[test]
fn what_cannot_be_read_is_not_an_empty_list() {
    let signer = Signer::new("A", &[]);
    let unread = "what came is no list that can be read";
    let hole = seq(&[&wrap(INTEGER, &[&[9]])]);
    let too_much = seq(&[&wrap(INTEGER, &[&[9]]), &utc("260610000000Z"), &seq(&[]), &[5, 0]]);
    let nonsense = seq(&[&wrap(INTEGER, &[&[1]]), &utc("269999999999Z")]);
    for broken in [hole, too_much, seq(&[]), wrap(0x04, &[&[1]]), wrap(INTEGER, &[&[1]]), nonsense] {
        let list = signer.list(&[entry(&[2], &[]), broken.clone()], &[]);
        assert_eq!(word(&said(&signer, &list, "0x01")), unread, "{broken:x?}");
    }
    let flag = extension(POINT, true, &seq(&[&wrap(0x81, &[&[7]])]));
    assert_eq!(word(&said(&signer, &signer.list(&[], &[flag]), "0x01")), unread, "a BOOLEAN of 7");
}

#[test]
fn dates_versions_and_the_use_of_the_key() {
    let signer = Signer::new("A", &[]);
    let forever = signer.list_from(&utc("260601000000Z"), &[entry(&[1], &[])], &[]);
    assert_eq!(word(&said(&signer, &forever, "0x01")), "revoked -");
    let why = "not on the list, but the list does not say how long it holds";
    assert_eq!(word(&said(&signer, &forever, "0x02")), why);
    let backwards = signer.list_from(&[utc("260601000000Z"), utc("260501000000Z")].concat(), &[], &[]);
    assert_eq!(word(&said(&signer, &backwards, "0x01")), "the list ends before it begins");
    let far = signer.list_from(&[utc("260601000000Z"), generalized("99991231235959Z")].concat(), &[], &[]);
    assert_eq!(word(&said(&signer, &far, "0x01")), "good");

    // digitalSignature and keyCertSign without cRLSign.
    let usage = extension(&[0x55, 0x1d, 0x0f], true, &wrap(BIT_STRING, &[&[2, 0x84]]));
    let other = Signer::new("A", &[&usage]);
    assert_eq!(
        word(&said(&other, &other.list(&[], &[]), "0x01")),
        "the issuer's key is not for signing lists"
    );
    assert_eq!(word(&said(&other, &signer.list(&[], &[]), "0x01")), "the signature does not hold");
    let stranger = Signer::new("B", &[]);
    assert_eq!(word(&said(&signer, &stranger.list(&[], &[]), "0x01")), "the list is another authority's");
}

#[test]
fn the_algorithm_inside_has_to_be_the_one_outside() {
    let signer = Signer::new("A", &[]);
    let version = wrap(INTEGER, &[&[1]]);
    let other = seq(&[&oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03])]);
    let dates = [utc("260601000000Z"), utc("260630000000Z")].concat();
    let list = signer.sign(&seq(&[&version, &other, &signer.name, &dates]));
    assert_eq!(word(&said(&signer, &list, "0x01")), "what came is no list that can be read");
}

#[test]
fn pem_is_taken_and_nonsense_in_it_is_not() {
    let signer = Signer::new("A", &[]);
    let list = signer.list(&[entry(&[1], &[])], &[]);
    let letters = data_encoding::BASE64.encode(&list);
    let pem = |body: &str| format!("-----BEGIN X509 CRL-----\r\n{body}\r\n-----END X509 CRL-----\r\n");
    let (front, back) = letters.split_at(20);
    let good = pem(&format!("{front}\n{back}"));
    assert_eq!(word(&said(&signer, good.as_bytes(), "0x01")), "revoked -");
    for bad in [pem("!!!!"), pem(front), pem(""), good.replace("X509 CRL", "CERTIFICATE"), letters.clone()] {
        assert_eq!(
            word(&said(&signer, bad.as_bytes(), "0x01")),
            "what came is no list that can be read",
            "{bad}"
        );
    }
}

#[test]
fn bits_and_cuts_never_make_revoked_good_nor_good_revoked() {
    let signer = Signer::new("A", &[]);
    let point = extension(POINT, true, &seq(&[&wrap(0x81, &[&[0xff]])]));
    let original = signer.list(&[entry(&[1], &[reason(1)]), entry(&[3], &[])], &[point]);
    let words = |list: &[u8]| [said(&signer, list, "0x01"), said(&signer, list, "0x02")];
    assert!(matches!(words(&original), [Answer::Revoked(..), Answer::Good(_)]));
    let mut list = original.clone();
    for bit in 0..original.len() * 8 {
        let mask = 1 << (bit % 8);
        list[bit / 8] ^= mask;
        let [listed, other] = words(&list);
        assert!(!matches!(listed, Answer::Good(_)), "bit {bit}");
        assert!(!matches!(other, Answer::Revoked(..)), "bit {bit}");
        list[bit / 8] ^= mask;
    }
    for length in 0..original.len() {
        let [listed, other] = words(&original[..length]);
        assert!(!listed.decides() && !other.decides(), "cut at {length}");
    }
}

#[test]
fn a_long_list_is_walked_in_place() {
    let signer = Signer::new("A", &[]);
    let entries: Vec<Vec<u8>> =
        (0_u32..100_000).map(|n| entry(&[&[1], &n.to_be_bytes()[..]].concat(), &[reason(4)])).collect();
    let list = signer.list(&entries, &[]);
    assert!(list.len() > 3_000_000);
    let began = std::time::Instant::now();
    assert_eq!(word(&said(&signer, &list, "0x010001869f")), "revoked superseded");
    assert_eq!(word(&said(&signer, &list, "0x01000186a0")), "good");
    assert!(began.elapsed() < std::time::Duration::from_secs(30), "{:?}", began.elapsed());
}

proptest! {
    #[test]
    fn any_bytes_are_unknown(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let signer = Signer::new("A", &[]);
        prop_assert!(!said(&signer, &bytes, "0x01").decides());
        super::super::fuzz(&bytes);
    }

    /// The walk finds exactly what a set of numbers says.
    #[test]
    fn the_walk_agrees_with_a_set(listed in proptest::collection::btree_set(0_u16..300, 0..40), asked in 0_u16..300) {
        let signer = Signer::new("A", &[]);
        let entries: Vec<Vec<u8>> =
            listed.iter().map(|n| entry(&[&[0, 0][..], &n.to_be_bytes()].concat(), &[])).collect();
        let answer = said(&signer, &signer.list(&entries, &[]), &format!("{asked:#x}"));
        let expected = if listed.contains(&asked) { "revoked -" } else { "good" };
        prop_assert_eq!(word(&answer), expected);
    }
}
