//! What an RSA modulus tells without any question: the mark that a faulty generator left in it, and the name under which
//! lists of weak keys have it. No factoring, no traffic.

use data_encoding::{HEXLOWER, HEXUPPER};
use ring::digest;

/// The primes of the smallest M of the paper (Nemec and others, The Return of Coppersmith's Attack, 2017), without 2: every
/// affected key, of any size, was made with an M that all of these divide.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
/// Both primes of an affected key, and so its modulus, are powers of it modulo M.
const GENERATOR: u32 = 65_537;
/// Bytes of a fingerprint in a list.
pub(super) const FINGERPRINT: usize = 10;

/// Whether the modulus bears the mark of ROCA (CVE-2017-15361): modulo each of the primes it is a power of 65537. A
/// modulus of another make does so with a chance of about one in 2^27.
pub(super) fn is_roca(modulus: &[u8]) -> bool {
    modulus.len() >= 64 && PRIMES.iter().all(|prime| is_power(remainder(modulus, *prime), *prime))
}

/// A big-endian number modulo a small one.
fn remainder(number: &[u8], by: u32) -> u32 {
    number.iter().fold(0, |rest, byte| (rest << 8 | u32::from(*byte)) % by)
}

/// Whether `value` is a power of the generator modulo a prime.
fn is_power(value: u32, prime: u32) -> bool {
    let step = GENERATOR % prime;
    let mut power = 1;
    for _ in 0..prime {
        if power == value {
            return true;
        }
        power = power * step % prime;
    }
    false
}

/// The key's name in lists of weak keys: the last ten bytes of SHA-1 over what `openssl rsa -modulus` prints.
pub(super) fn fingerprint(modulus: &[u8]) -> String {
    let start = modulus.iter().position(|b| *b != 0).unwrap_or(modulus.len());
    let hex = HEXUPPER.encode(modulus.get(start..).unwrap_or_default());
    let text = format!("Modulus={}\n", hex.trim_start_matches('0'));
    let sum = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    let sum = sum.as_ref();
    HEXLOWER.encode(sum.get(sum.len() - FINGERPRINT..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;
    use rand::Rng as _;

    use super::*;

    /// A modulus made as the faulty generator makes one: p = k * M + (65537^a mod M), q alike. Whether p is prime does not
    /// matter to its mark.
    fn marked(seed: u64) -> Vec<u8> {
        let m: BigUint = PRIMES.iter().fold(BigUint::from(2_u8), |m, p| m * p);
        let factor = |k: u64, a: u64| {
            let power = BigUint::from(GENERATOR).modpow(&BigUint::from(a), &m);
            (BigUint::from(k) << 200_u32) * &m + &m * k + power
        };
        (factor(0xfeed_beef + seed, 77_777 + seed) * factor(0xdead_cafe + seed, 123_456_789 + seed))
            .to_bytes_be()
    }

    #[test]
    fn the_mark_is_found_in_what_bears_it_and_in_nothing_else() {
        for seed in 0..50 {
            let key = marked(seed);
            assert!(is_roca(&key), "seed {seed}");
            let mut other = key.clone();
            *other.last_mut().unwrap() ^= 2;
            assert!(!is_roca(&other), "seed {seed}");
        }
        let mut random = [0; 256];
        for _ in 0..2000 {
            rand::rng().fill_bytes(&mut random);
            random[255] |= 1;
            assert!(!is_roca(&random));
        }
        assert!(!is_roca(&[]) && !is_roca(&[1]) && !is_roca(&[0; 300]));
    }

    #[test]
    fn a_false_alarm_is_a_matter_of_one_in_a_hundred_million() {
        let chance: f64 = PRIMES
            .iter()
            .map(|prime| {
                let powers = (1..*prime).filter(|value| is_power(*value, *prime)).count();
                f64::from(u32::try_from(powers).unwrap()) / f64::from(prime - 1)
            })
            .product();
        assert!(chance < 1e-8, "{chance}");
    }

    #[test]
    fn fingerprints_are_those_of_openssl() {
        // printf 'Modulus=C5\n' | sha1sum
        let sum = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, b"Modulus=C5\n");
        assert_eq!(fingerprint(&[0, 0xc5]), HEXLOWER.encode(&sum.as_ref()[10..]));
        assert_eq!(fingerprint(&[0xc5]).len(), 20);
    }
}
