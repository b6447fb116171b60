//! From cgroup v1's scales to v2's. Arithmetic without libm: `core` has none.

/// CPU shares (2 to 262144) as a weight (1 to 10000), by the OCI runtimes' formula, which keeps
/// the default of one the default of the other: `ceil(10 ^ ((L^2 + 125 L) / 612 - 7 / 34))` with
/// `L = log2(shares)`.
pub fn from_shares(shares: u64) -> u64 {
    let l = log2(shares.clamp(2, 262_144) as f64);
    let exponent = (l * l + 125.0 * l) / 612.0 - 7.0 / 34.0;
    let weight = exp2(exponent * core::f64::consts::LOG2_10);
    // What should be a whole number may come out a hair above it.
    let whole = (weight - 1e-6) as u64;
    (whole + 1).clamp(1, 10_000)
}

/// A block I/O weight (10 to 1000) on v2's scale (1 to 10000).
pub fn from_io(weight: u64) -> u64 {
    1 + (weight.clamp(10, 1000) - 10) * 9_999 / 990
}

/// For `x >= 1`: halve to between 1 and 2, then square for one bit of the fraction at a time.
fn log2(mut x: f64) -> f64 {
    let mut log = 0.0;
    while x >= 2.0 {
        x /= 2.0;
        log += 1.0;
    }
    let mut bit = 0.5;
    for _ in 0..45 {
        x *= x;
        if x >= 2.0 {
            x /= 2.0;
            log += bit;
        }
        bit /= 2.0;
    }
    log
}

/// For `x >= 0`: the exponential series for the fraction, doubled as often as x is whole.
fn exp2(mut x: f64) -> f64 {
    let mut scale = 1.0;
    while x >= 1.0 {
        x -= 1.0;
        scale *= 2.0;
    }
    let (mut sum, mut term) = (1.0, 1.0);
    for n in 1..25 {
        term *= x * core::f64::consts::LN_2 / f64::from(n);
        sum += term;
    }
    sum * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        for (shares, weight) in [
            (2, 1),
            (100, 17),
            (512, 59),
            (1024, 100),
            (2000, 170),
            (2048, 174),
            (4096, 303),
            (262_144, 10_000),
            (0, 1),
            (u64::MAX, 10_000),
        ] {
            assert_eq!(from_shares(shares), weight, "{shares}");
        }
        assert_eq!((from_io(10), from_io(500), from_io(1000)), (1, 4950, 10_000));
    }

    proptest::proptest! {
        #[test]
        fn more_shares_never_weigh_less(a in 2u64..=262_144, b in 2u64..=262_144) {
            let (low, high) = (a.min(b), a.max(b));
            assert!(from_shares(low) <= from_shares(high));
            assert!((1..=10_000).contains(&from_shares(a)));
        }

        #[test]
        fn the_formula_is_kept(shares in 2u64..=262_144) {
            let l = (shares as f64).log2();
            let exact = 10f64.powf((l * l + 125.0 * l) / 612.0 - 7.0 / 34.0);
            let rounded = exact.round();
            let expected = if (exact - rounded).abs() < 1e-6 { rounded } else { exact.ceil() };
            assert_eq!(from_shares(shares), expected as u64);
        }
    }
}
