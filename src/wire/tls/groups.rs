//! Diffie-Hellman primes that many servers share, by the SHA-256 of the prime without leading zeros. Breaking one
//! group once reads everything that was exchanged over it, whoever did (Logjam).
//!
//! Those of RFC 2409, RFC 3526 and RFC 7919 are computed from their definitions in the tests. The others were hashed
//! from the list of common primes that testssl.sh carries (nmap's and weakdh.org's before it); each was tested for being
//! prime there, but for Socat's, which is none. A prime that is not listed may be shared all the same.

use crate::model::ids::Sha256;

/// The name of a group that many share, by its prime; leading zeros do not matter.
pub fn shared(prime: &[u8]) -> Option<&'static str> {
    let start = prime.iter().position(|b| *b != 0)?;
    let digest = Sha256::of(prime.get(start..)?).to_string();
    let hex = digest.strip_prefix("sha256:")?;
    STANDARD.iter().chain(COMMON).find(|(_, known)| *known == hex).map(|(name, _)| *name)
}

/// Groups with a definition.
#[rustfmt::skip]
const STANDARD: &[(&str, &str)] = &[
    ("RFC 2409 group 1", "b52ba6a3026520a6c49d37e4587601801bee500123b3259b6bf03e7cecc3e63d"),
    ("RFC 2409 group 2", "3f35a3f5f6c4376a744acad409bb22f8d897f949d2311d885adaa890981b67a0"),
    ("RFC 3526 group 5", "64fcc83ec403930bf18393dbc883ccaa1fbb08ac876f77f7aa99748ca945019b"),
    ("RFC 3526 group 14", "d66436f79bbd6b2e38c0ffbd079be904d2641415e2e67140e09448be9a60890e"),
    ("RFC 3526 group 15", "48cf8b092fbce4359d9871abf74f98e25b6163379eaa15cd9087e800c6d1c55c"),
    ("RFC 3526 group 16", "4ee95187682bcb230ad26a95205f6920e84708f6251b3894329b09ec23919e33"),
    ("RFC 3526 group 17", "d1bfe6d0925ce7e4da262b62861514a7755e35831e429f343e7b864848657efd"),
    ("RFC 3526 group 18", "39ab4feab950a3128fb71accb9fc3965d857012e081998a85996e3ea8b3c3bcf"),
    ("RFC 7919 ffdhe2048", "9cd3b7f336872f46c09428d1bbc19877a4d440512cda8d1c1cf0cd6e33698966"),
    ("RFC 7919 ffdhe3072", "0eaf67db3a839156d5013494a5318a772b5697d270d721f37f092efc69ea5a17"),
    ("RFC 7919 ffdhe4096", "4648414224ac881b3d0dc59b466f96d06a558278776807797ecf1f66ff397b3e"),
    ("RFC 7919 ffdhe6144", "227ac9066b3ddd9e193670cda2388fa884f65ba0cf98b742d1fe77a6687c79c7"),
    ("RFC 7919 ffdhe8192", "770b14efaf6f049929c523113b3fa99a8d11dab1b18af3609590122075d19833"),
];

/// Groups that came with software, 1024 bits at most: longer ones are out of reach.
#[rustfmt::skip]
const COMMON: &[(&str, &str)] = &[
    ("Java", "73b391ec8da33ee197aed17d7cfce1321b94e04c5b55b3c02c1c7198eb88715b"),
    ("OpenSSL", "f26e2403f3f07946654404909f0ff81d9354de17250411b4c04b89af73178425"),
    ("Postfix", "449ab49c277d21a601e806df3064d6e4b3040045110efe26b85d12e88ae9355a"),
    ("Postfix", "6c863838510bab3e2093066fc14976f0265b0da72c465eb306018587b5df6b6a"),
    ("Postfix", "b85e2291d140459398cf0cd25689409c3d2eb44c590634464b7b3ae613ec4712"),
    ("Postfix", "bc66927384785251c604a3836e40475664b425ef690d8fc9b770ba80095488d0"),
    ("Postfix", "e2b343fa226b71092716a0cefea064b00c0a6855e25e199bf91452b88d81d03e"),
    ("mod_ssl 2.0", "3cdb020b9ef298b2f3f6cf5a872af527337bf7b9f654b2e70c49da16a4d24137"),
    ("mod_ssl 2.2", "db01e702899166da28c9bc7896af62bcdf0c96d0fb341950ba80e68bd51a57ef"),
    ("Java", "ee5483fe4b96caa10cb5b863ec409aab2762e6bf43af4a8a0a42817fef4dd7f3"),
    ("Postfix", "7dafc874c19963c0dd38e642bf1f3ad92d0fafd9a8db4651e5ff44903aef69c3"),
    ("Postfix", "ad225f9367840e76af41a00757b85eada4ac49190ea6ec4e90a7114c1eb9d1de"),
    ("Postfix", "b36ac84e5fa8bd7a6363e1fb989456e430ac24bec3899ebd876c327f00a78609"),
    ("LibTomCrypt", "d9f6f2a0adb3427cbe12b007049b842bd208e830a3a4b97f2f041c44797dae34"),
    ("HAProxy", "486e235226a927b22b9389bf43377084cb9be4c303f08fd490613ab4d9dfbd31"),
    ("IronPort", "bfa876fe4671a9c696c8e256c13d7fadaa05c8991660e0924604ff7b239c6d1a"),
    ("Java", "cc21a33dd1a3edf40bf636b5496e4aede198a437a8548e0cc1a621424e42419b"),
    ("OpenSSL", "66d0bf38b0bdfacf2fdae33f35102ab6079fd5ff0feff8e436a4063745c72739"),
    ("Postfix", "20ce5e9531472e234e1ef76788a6f5f5da9d3ee746de9901fb962b6a1bf76f6f"),
    ("Postfix", "3b37d357836b4c0b81ae99d4bb204f5fb3b3cc53a79a4660db1499062a7c8d47"),
    ("Postfix", "d2ae65bfc24596c0333a3ad57a67565d1494da51059f327d8cd7d6c36ea53dc1"),
    ("Postfix", "ef627d8cc44144f36a075d8dd8511bbd278cb5cf438f1052bdbdabe715232c1e"),
    ("ProFTPD", "0a64b51e01fbccd80d5c45d6c40b1eb7ff66f13c3b4ebf0a4c0a60c1b3bf49cc"),
    ("ProFTPD", "0ea9ef1fd4b42cff37a02344a1097ca697054fa0c5ef9c624360cdde80c51697"),
    ("ProFTPD", "3576d07c0658c0230f4e4a4ad3255c68b12da40ae85e9bbe31f0361521f94c79"),
    ("ProFTPD", "46ff79361993e5e6e9025cdfdb8d59af2a434714a48798450df9f9ff4c9e7558"),
    ("ProFTPD", "6ab0cedf512ead33f4827d0a9aa9a4b8433cac5d2ee4ff340c4f38a816d94382"),
    ("ProFTPD", "6b79f7880e90204b6f8cb64f4bea6ea6b4286941e1d81c18b8c20f968a3eb26a"),
    ("ProFTPD", "80b421f627228225bc69d267f5f3d61e6a628fb6073ff12b898201817a9476fb"),
    ("ProFTPD", "8b4fa096eb2414e26babeef0e3e68eb7a531eca3853a635f7e98007593d35ad6"),
    ("ProFTPD", "984a91adb717c9753fd52ab8c4659b6f5915a0647385796d3ac367b86618eac4"),
    ("ProFTPD", "9f5e9f4e49f8499926f4bfd7cffcd0ecfb650a6ec35406bf70c378dfb3a25f5a"),
    ("ProFTPD", "c43bb4fe47a641335004ca606398421bb63ee95c1da6bb0be37328bf80ca4d0e"),
    ("ProFTPD", "eba4ea9cdaf56d1c93fdf9b358f33148ce4340c48d631aa6dda9cbe8739981bd"),
    ("RFC 5114", "44c55cfee5c075927cf682da5b681bdecbd5c3eb0784c14f5dce7610f0ef133d"),
    ("SKIP", "6215d41bb617b390082b066d6856f8b361d6c77f316a84301f7c9717a8681485"),
    ("Socat", "ac10fa3c5965ca361c07b3511140eb0a5cc89d92417708b1c13d07dc24770e22"),
    ("common (weakdh.org)", "196085cb4281d1ff18efaad097bc1ec0af2581444026a6a3018b1479f6d89cdb"),
    ("common (weakdh.org)", "2b07d24b932aa7a015c45a3f06e75ba71cb8cff8d33980acebf628afff1c101e"),
    ("common (weakdh.org)", "52d4faa53003b8349dac3e984a6423bc1ab6ab927f1855d94757185f71b5d97d"),
    ("common (weakdh.org)", "5f856a00120eee6d6b87ef8f596aefbbd284f8a611c8329a713d37cdec2a27b0"),
    ("common (weakdh.org)", "74a5cce5b6a93eb755e2f48250dc7cb3ea529484af916e1368034b6f70eb25fc"),
    ("common (weakdh.org)", "80571b97f71f89727ab0c40bb73b4f01a420469abd814b7b35090c8d6dff62b0"),
    ("common (weakdh.org)", "8523c72057043833089915168751620b02dd60206beaa3ddb65df468acc9584e"),
    ("common (weakdh.org)", "ac0ff7a415f003c6503d4c126f2929769e6f3f89c29efa450764212fa13e2069"),
    ("common (weakdh.org)", "bc19c041491e550f381d09415a82e1b359410e8e243744cc545a342455f5fcd8"),
    ("common (weakdh.org)", "deb671287187265a5383df13708d3a757735f4af22dd171265385822f5aca5b9"),
    ("mod_ssl 2.2", "bf910d9df4e0b2e76cda7443f592aa118e33ba2c224ebc27fb8978d873c8c2e3"),
    ("mod_ssl 2.2", "f79d1db3c955a28fdeca462670a0712efee4b588c7858e4943883f903bd1354b"),
    ("nginx", "8ae47dca3d24e9b64640062686da234dcabada26b0da6f090c5449c1338d9a11"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A number with 32 bits before the point and many behind it, most significant word first.
    #[derive(Clone)]
    struct Fixed(Vec<u32>);

    impl Fixed {
        fn whole(n: u32, words: usize) -> Self {
            let mut all = vec![0; words];
            all[0] = n;
            Self(all)
        }

        fn div(&mut self, by: u32) {
            let mut rest = 0u64;
            for word in &mut self.0 {
                let all = rest << 32 | u64::from(*word);
                (*word, rest) = (u32::try_from(all / u64::from(by)).unwrap(), all % u64::from(by));
            }
        }

        fn combine(&mut self, other: &Self, add: bool) {
            let mut carry = 0i64;
            for (a, b) in self.0.iter_mut().zip(&other.0).rev() {
                let signed = if add { i64::from(*b) } else { -i64::from(*b) };
                let sum = i64::from(*a) + signed + carry;
                *a = u32::try_from(sum & 0xffff_ffff).unwrap();
                carry = sum >> 32;
            }
        }

        fn is_zero(&self) -> bool {
            self.0.iter().all(|w| *w == 0)
        }
    }

    /// `times` * atan(1/x).
    fn atan(times: u32, x: u32, words: usize) -> Fixed {
        let mut power = Fixed::whole(times, words);
        power.div(x);
        let mut sum = power.clone();
        for k in 1.. {
            power.div(x * x);
            if power.is_zero() {
                break;
            }
            let mut term = power.clone();
            term.div(2 * k + 1);
            sum.combine(&term, k % 2 == 0);
        }
        sum
    }

    fn pi(words: usize) -> Fixed {
        let mut pi = atan(16, 5, words);
        pi.combine(&atan(4, 239, words), false);
        pi
    }

    fn e(words: usize) -> Fixed {
        let mut term = Fixed::whole(1, words);
        let mut sum = term.clone();
        for k in 1.. {
            term.div(k);
            if term.is_zero() {
                break;
            }
            sum.combine(&term, true);
        }
        sum
    }

    /// 2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) * x) + c): ones, the constant's digits, ones.
    fn prime(n: usize, x: &Fixed, c: u32) -> Vec<u8> {
        // floor(2^(n-130) x) has n-128 bits: x has two before the point.
        let mut digits: Vec<u32> = Vec::new();
        for at in 0..(n - 128) / 32 {
            digits.push(x.0[at] << 30 | x.0[at + 1] >> 2);
        }
        // The one that is taken away at the end makes the last 64 bits ones, and is missing here.
        let mut carry = u64::from(c) - 1;
        for word in digits.iter_mut().rev() {
            let sum = u64::from(*word) + carry;
            *word = u32::try_from(sum & 0xffff_ffff).unwrap();
            carry = sum >> 32;
        }
        assert_eq!(carry, 0);
        let middle: Vec<u8> = digits.iter().flat_map(|w| w.to_be_bytes()).collect();
        [&[0xff; 8][..], &middle, &[0xff; 8]].concat()
    }

    #[test]
    fn the_groups_of_the_standards_are_what_their_definitions_say() {
        let words = 8192 / 32 + 8; // some to spare: the last ones are not exact
        let (pi, e) = (pi(words), e(words));
        assert_eq!((pi.0[0], e.0[0]), (3, 2));
        let modp = [
            (768, 149_686, "RFC 2409 group 1"),
            (1024, 129_093, "RFC 2409 group 2"),
            (1536, 741_804, "RFC 3526 group 5"),
            (2048, 124_476, "RFC 3526 group 14"),
            (3072, 1_690_314, "RFC 3526 group 15"),
            (4096, 240_904, "RFC 3526 group 16"),
            (6144, 929_484, "RFC 3526 group 17"),
            (8192, 4_743_158, "RFC 3526 group 18"),
        ];
        let ffdhe = [
            (2048, 560_316, "RFC 7919 ffdhe2048"),
            (3072, 2_625_351, "RFC 7919 ffdhe3072"),
            (4096, 5_736_041, "RFC 7919 ffdhe4096"),
            (6144, 15_705_020, "RFC 7919 ffdhe6144"),
            (8192, 10_965_728, "RFC 7919 ffdhe8192"),
        ];
        for (constant, table) in [(&pi, &modp[..]), (&e, &ffdhe[..])] {
            for (n, c, name) in table {
                let prime = prime(*n, constant, *c);
                assert_eq!(prime.len() * 8, *n);
                assert_eq!(shared(&prime), Some(*name));
                assert_eq!(shared(&[&[0, 0][..], &prime].concat()), Some(*name), "leading zeros");
                let mut other = prime.clone();
                other[20] ^= 1;
                assert_eq!(shared(&other), None, "a prime of its own");
            }
        }
        assert_eq!(STANDARD.len(), modp.len() + ffdhe.len());
    }

    #[test]
    fn every_digest_is_one_and_stands_once() {
        let all: BTreeSet<&str> = STANDARD.iter().chain(COMMON).map(|(_, digest)| *digest).collect();
        assert_eq!(all.len(), STANDARD.len() + COMMON.len());
        assert!(all.iter().all(|d| d.len() == 64 && d.bytes().all(|b| b.is_ascii_hexdigit())));
        assert_eq!((shared(&[]), shared(&[0; 128]), shared(&[1])), (None, None, None));
    }
}
