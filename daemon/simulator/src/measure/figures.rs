//! Distributions, and the figures a report has by name.

use std::{collections::BTreeMap, time::Duration};

/// Named figures. Times are in seconds, rates a second, sizes in bytes.
pub type Figures = BTreeMap<String, f64>;

/// Samples of one quantity.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// One more.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// One more duration, in seconds.
    pub fn push_time(&mut self, duration: Duration) {
        self.push(duration.as_secs_f64());
    }

    /// The smallest value that so large a share of all does not exceed (nearest rank).
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied()
    }

    /// The mean.
    pub fn mean(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.iter().sum::<f64>() / self.0.len() as f64)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts count, mean, median, 99th percentile and maximum under this name; nothing where there are none.
    pub fn put(&self, name: &str, figures: &mut Figures) {
        let (Some(mean), Some(p50), Some(p99), Some(max)) =
            (self.mean(), self.quantile(0.5), self.quantile(0.99), self.quantile(1.0))
        else {
            return;
        };
        let named = [("count", self.len() as f64), ("mean", mean), ("p50", p50), ("p99", p99), ("max", max)];
        figures.extend(named.map(|(part, value)| (format!("{name}.{part}"), value)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let samples = Samples((1..=100).map(f64::from).collect());
        assert_eq!(
            [0.5, 0.99, 1.0].map(|share| samples.quantile(share)),
            [Some(50.0), Some(99.0), Some(100.0)]
        );
        assert_eq!(Samples::default().quantile(0.5), None);
        assert_eq!(Samples(vec![7.0]).quantile(0.01), Some(7.0));
    }
}
