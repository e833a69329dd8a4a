//! Statistics for the benchmarks in `benches/`. Each of them measures us and a named peer in the
//! same run and prints the ratio: machines differ and are noisy, ratios less so.

mod cpu;

pub use cpu::{children_of, cpu_of, machine, resident};

use std::time::Duration;

/// Latencies of one run.
#[derive(Debug, Clone)]
pub struct Sample(Vec<Duration>);

impl Sample {
    pub fn new(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self(latencies)
    }

    /// The nearest-rank percentile, `percent` in 1..=100; zero for an empty sample.
    pub fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |percent| self.percentile(percent).as_secs_f64() * 1e3;
        write!(f, "p50 {:.2} ms, p99 {:.2} ms (n = {})", ms(50), ms(99), self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let sample = Sample::new((1..=100).rev().map(Duration::from_millis).collect());
        assert_eq!(sample.percentile(50), Duration::from_millis(50));
        assert_eq!(sample.percentile(99), Duration::from_millis(99));
        assert_eq!(sample.percentile(100), Duration::from_millis(100));
        assert_eq!(Sample::new(Vec::new()).percentile(99), Duration::ZERO);
    }
}
