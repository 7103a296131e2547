//! How keys are hashed: SipHash-1-3 with a key of 16 bytes that is stored in each map.
//!
//! The algorithm is fixed for ever, so what one program stores another finds. What is fed to it is
//! up to each type's `Hash`, which the standard library may change for its own types; so a map's
//! layout text includes the hashes of some (`probe`), and a file of another opinion is recognised.

use core::hash::{BuildHasher, Hash, Hasher};

use siphasher::sip::SipHasher13;

/// The key of a map's hashes. Random for each map, so that nobody can choose keys that collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Seed([u64; 2]);

impl Seed {
    /// One that nobody can guess.
    pub fn random() -> Self {
        // The standard library's own keys, which it takes from the system; a hash of nothing
        // under them tells nothing about them.
        let word = || std::collections::hash_map::RandomState::new().build_hasher().finish();
        Seed([word(), word()])
    }

    /// A certain one, for maps that are to come out the same each time.
    pub const fn fixed(words: [u64; 2]) -> Self {
        Seed(words)
    }

    /// Hashes of values of common types, as text: whether this program feeds them to the hasher
    /// as another did.
    pub(crate) fn probe() -> String {
        #[derive(Hash)]
        enum Choice {
            First,
            Second(u8),
        }
        let seed = Seed([0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908]);
        let mut all = seed.build_hasher();
        (1_u8, 2_u16, 3_u32, 4_u64, 5_u128, -6_i64, true, 'x').hash(&mut all);
        ("text", [1_u32, 2], &[3_u64][..], Some(7_usize), None::<u8>, ()).hash(&mut all);
        (Choice::First, Choice::Second(8), core::time::Duration::from_nanos(9)).hash(&mut all);
        (core::net::Ipv4Addr::LOCALHOST, core::net::Ipv6Addr::LOCALHOST).hash(&mut all);
        format!("{:016x}", all.finish())
    }
}

impl BuildHasher for Seed {
    type Hasher = SipHasher13;
    #[inline]
    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0[0], self.0[1])
    }
}
