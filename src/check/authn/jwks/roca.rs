//! RSA keys that were made by a broken chip, and whose private half can be computed from the public one
//! (CVE-2017-15361, "ROCA"). Their primes are powers of 65537 modulo the product of the first odd primes, and so is
//! their modulus; of other moduli not one in a hundred million is (Nemec et al., CCS 2017, section 2.1).

/// The generator.
const GENERATOR: u32 = 65537;

/// The odd primes by which the modulus is judged.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether a modulus, big-endian, bears the marks of such a key.
pub(super) fn is_marked(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        is_power(rest, *prime)
    })
}

/// Whether `rest` is a power of the generator modulo `prime`.
fn is_power(rest: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == rest {
            return true;
        }
        power = power * (GENERATOR % prime) % prime;
        if power <= 1 {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_the_generator_are_marked() {
        let power: u128 = u128::from(GENERATOR).pow(7);
        assert!(is_marked(&power.to_be_bytes()));
        assert!(is_marked(&[1]));
        assert!(!is_marked(&(power + 2).to_be_bytes()));
        assert!(!is_marked(&[0xff; 256]));
        assert!(!is_marked(&[]));
    }
}
