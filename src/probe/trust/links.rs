//! How the certificates of a served chain hang together: by names, and by signatures. What the verifier's single
//! error does not tell, this does: where a chain breaks off, and whether a signature fails or is of a kind that
//! cannot be checked.

use webpki::ALL_VERIFICATION_ALGS;

use crate::{
    probe::certificate::der::{BIT_STRING, INTEGER, SEQUENCE, Walked, content, element, walk},
    wire::cursor::Cursor,
};

/// The most ways through a chain, by names, that are followed. Chains of real services have one, cross-signed ones a
/// few; every certificate with the same name, ten times over, has millions.
const MAX_STEPS: usize = 200;
/// Sizes of an RSA modulus, in bytes, that the verifier takes: 2048 to 8192 bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// A served chain.
#[derive(Debug)]
pub(super) struct Links<'a> {
    /// The leaf.
    pub(super) leaf: Walked<'a>,
    /// The others that can be read and are no copies of the leaf.
    pub(super) others: Vec<Walked<'a>>,
    /// The same in DER.
    ders: Vec<&'a [u8]>,
    /// Whether all could be read.
    pub(super) whole: bool,
}

impl<'a> Links<'a> {
    /// Reads a chain, leaf first. None where the leaf cannot be read.
    pub(super) fn read(chain: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut chain = chain.peekable();
        let first = *chain.peek()?;
        let mut links = Self { leaf: walk(first)?, others: Vec::new(), ders: Vec::new(), whole: true };
        for der in chain.filter(|der| *der != first) {
            match walk(der) {
                Some(walked) => {
                    links.others.push(walked);
                    links.ders.push(der);
                }
                None => links.whole = false,
            }
        }
        Some(links)
    }

    /// The DER forms of those that the leaf leads to, in the order served.
    pub(super) fn reachable_ders(&self) -> Vec<&'a [u8]> {
        self.reachable().into_iter().filter_map(|i| self.ders.get(i).copied()).collect()
    }

    /// Whether the certificate names itself as its issuer.
    pub(super) fn self_issued(one: &Walked<'a>) -> bool {
        one.issuer == one.subject
    }

    /// Those of the others whose names say that they issued this one.
    fn issuers_of(&self, one: &Walked<'a>) -> impl Iterator<Item = (usize, &Walked<'a>)> {
        let wanted = one.issuer;
        self.others.iter().enumerate().filter(move |(_, other)| other.subject == wanted)
    }

    /// Which of the others the leaf leads to by names, as indices into `others`, in the order served.
    fn reachable(&self) -> Vec<usize> {
        let mut reached = vec![false; self.others.len()];
        let mut open = vec![self.leaf];
        while let Some(one) = open.pop() {
            for (i, issuer) in self.issuers_of(&one) {
                if let Some(seen) = reached.get_mut(i)
                    && !std::mem::replace(seen, true)
                {
                    open.push(*issuer);
                }
            }
        }
        reached.iter().enumerate().filter(|(_, seen)| **seen).map(|(i, _)| i).collect()
    }

    /// Whether there are so few ways up from the leaf that all can be tried.
    pub(super) fn few_ways(&self) -> bool {
        let mut steps = 0usize;
        let mut open: Vec<(Walked<'a>, u64)> = vec![(self.leaf, 0)];
        while let Some((one, used)) = open.pop() {
            for (i, issuer) in self.issuers_of(&one) {
                let bit = 1u64.checked_shl(u32::try_from(i).unwrap_or(u32::MAX)).unwrap_or(0);
                if used & bit != 0 {
                    continue;
                }
                steps += 1;
                if steps > MAX_STEPS {
                    return false;
                }
                open.push((*issuer, used | bit));
            }
        }
        true
    }

    /// Where the way up ends at a certificate whose issuer was not served.
    pub(super) fn breaks_off(&self) -> Option<BreaksOff> {
        let missing = |one: &Walked<'a>| !Self::self_issued(one) && self.issuers_of(one).next().is_none();
        if missing(&self.leaf) {
            return Some(BreaksOff::AtTheLeaf);
        }
        let mut reached = self.reachable().into_iter().filter_map(|i| self.others.get(i));
        reached.any(missing).then_some(BreaksOff::AtAnIssuer)
    }

    /// Whether some signature on the way up is of a kind that cannot be checked, so that one that fails proves
    /// nothing. `roots` gives the keys of the store's certificates of a name.
    pub(super) fn cannot_be_checked<'r>(&self, roots: impl Fn(&[u8]) -> Vec<&'r [u8]>) -> bool {
        let reached = self.reachable().into_iter().filter_map(|i| self.others.get(i));
        std::iter::once(&self.leaf).chain(reached).any(|one| {
            let served = self.issuers_of(one).filter_map(|(_, issuer)| content(issuer.spki, SEQUENCE));
            let keys: Vec<&[u8]> = served.chain(roots(one.issuer)).collect();
            let checks: Vec<Option<bool>> = keys.iter().map(|key| signed_by(one, key)).collect();
            !checks.contains(&Some(true)) && checks.contains(&None)
        })
    }
}

/// Where a chain breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BreaksOff {
    /// The leaf's issuer is missing.
    AtTheLeaf,
    /// That of an authority's certificate is.
    AtAnIssuer,
}

/// Whether a certificate's signature is by a key, given as the content of its SubjectPublicKeyInfo. Absent: the
/// signature or the key is of a kind or size that this verifier does not know.
pub(super) fn signed_by(one: &Walked<'_>, key: &[u8]) -> Option<bool> {
    let mut info = Cursor(key);
    let key_algorithm = content(element(&mut info)?, SEQUENCE)?;
    let key_bits = bit_string(element(&mut info)?)?;
    let mut signature = Cursor(one.signature);
    let signature_algorithm = content(element(&mut signature)?, SEQUENCE)?;
    let signature_bits = bit_string(element(&mut signature)?)?;
    let mut known = ALL_VERIFICATION_ALGS
        .iter()
        .filter(|a| *a.signature_alg_id() == *signature_algorithm && *a.public_key_alg_id() == *key_algorithm)
        .peekable();
    known.peek()?;
    let signed = known.any(|a| a.verify_signature(key_bits, one.tbs, signature_bits).is_ok());
    (signed || rsa_bytes(key_bits).is_none_or(|n| RSA_BYTES.contains(&n))).then_some(signed)
}

/// Bytes of the modulus, where the key is one of RSA.
fn rsa_bytes(key: &[u8]) -> Option<usize> {
    let modulus = content(content(key, SEQUENCE)?, INTEGER)?;
    Some(modulus.iter().skip_while(|b| **b == 0).count())
}

/// The octets of a BIT STRING of whole octets.
fn bit_string(der: &[u8]) -> Option<&[u8]> {
    match content(der, BIT_STRING)?.split_first() {
        Some((0, octets)) => Some(octets),
        _ => None,
    }
}
