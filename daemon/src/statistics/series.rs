//! What one overlay counted over the last day: samples, the closer the younger.
//!
//! | tier | a sample every | reaches back |
//! |---|---|---|
//! | 0 | 2 s | 1 min |
//! | 1 | 10 s | 10 min |
//! | 2 | 1 min | 1 h |
//! | 3 | 10 min | 1 d |
//!
//! A window is the difference between now and the sample nearest to its begin, so what it covers differs from what was asked for by half the
//! distance of samples there at most, and the answer says by how much. At most 302 samples of some 400 bytes are kept: some
//! 120 kB for each overlay. Time is monotonic: a clock that is set moves nothing here.

use std::{collections::VecDeque, time::Duration};

use super::{Window, packed::Packed};
use crate::driver::Statistics;

/// How often samples should be taken.
pub(super) const SAMPLE_EVERY: Duration = Duration::from_secs(2);

/// The samples of one overlay.
#[derive(Debug)]
pub(super) struct Series {
    tiers: [Tier; TIERS.len()],
}

/// What was counted in a span of time that ended when it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counted {
    /// How long it is.
    pub(super) span: Duration,
    /// Counters: of this span alone. What is there: as it is at its end.
    pub(super) statistics: Statistics,
}

impl Series {
    /// Samples held at most.
    #[cfg(test)]
    const MOST_SAMPLES: usize = {
        let (mut most, mut at) = (0, 0);
        while at < TIERS.len() {
            most += most_in(TIERS[at]);
            at += 1;
        }
        most
    };

    /// That of an overlay that started at `start` and had counted nothing then.
    pub(super) fn new(start: Duration) -> Self {
        let mut series = Series { tiers: TIERS.map(Tier::new) };
        series.push(start, &Statistics::default());
        series
    }

    /// Takes a sample; at most one a tier's distance is kept.
    pub(super) fn push(&mut self, now: Duration, statistics: &Statistics) {
        let packed = Packed::new(statistics);
        for tier in &mut self.tiers {
            tier.push(now, &packed);
        }
    }

    /// What was counted in this window, given what is counted `now`.
    pub(super) fn window(&self, now: Duration, statistics: &Statistics, window: Window) -> Counted {
        let mut counted = Counted { span: statistics.running, statistics: *statistics };
        let Some(span) = window.span() else { return counted };
        let samples = self.tiers.iter().flat_map(|tier| &tier.samples);
        let age = |at: Duration| now.saturating_sub(at);
        let Some((at, packed)) = samples.min_by_key(|(at, _)| age(*at).abs_diff(span)) else {
            return counted;
        };
        packed.take_off(&mut counted.statistics);
        counted.span = age(*at);
        counted
    }

    /// Samples held.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.tiers.iter().map(|tier| tier.samples.len()).sum()
    }
}

/// Distance of samples, and how far back they reach.
const TIERS: [(Duration, Duration); 4] = [
    (SAMPLE_EVERY, Duration::from_secs(60)),
    (Duration::from_secs(10), Duration::from_secs(10 * 60)),
    (Duration::from_secs(60), Duration::from_secs(60 * 60)),
    (Duration::from_secs(10 * 60), Duration::from_secs(24 * 60 * 60)),
];

/// One sample in each cell of a grid, and one beyond the far end so that its whole length is covered.
const fn most_in((every, reach): (Duration, Duration)) -> usize {
    (reach.as_secs() / every.as_secs()) as usize + 2
}

#[derive(Debug)]
struct Tier {
    every: Duration,
    most: usize,
    samples: VecDeque<(Duration, Packed)>,
}

impl Tier {
    fn new(tier: (Duration, Duration)) -> Self {
        Tier { every: tier.0, most: most_in(tier), samples: VecDeque::new() }
    }

    fn push(&mut self, now: Duration, packed: &Packed) {
        let cell = |at: Duration| at.as_millis() / self.every.as_millis().max(1);
        if self.samples.back().is_some_and(|(last, _)| cell(*last) >= cell(now)) {
            return;
        }
        if self.samples.len() >= self.most {
            self.samples.pop_front();
        }
        self.samples.push_back((now, packed.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An overlay in which one message is published each second, and what has been seen of it.
    struct Simulated {
        series: Series,
        start: Duration,
        now: Duration,
        published: u64,
    }

    impl Simulated {
        fn new(start: Duration) -> Self {
            Simulated { series: Series::new(start), start, now: start, published: 0 }
        }

        fn statistics(&self) -> Statistics {
            let mut statistics = Statistics { running: self.now - self.start, ..Statistics::default() };
            statistics.overlay.stats.published = self.published;
            statistics
        }

        /// Lets time pass, sampled each `every`.
        fn run(&mut self, time: Duration, every: Duration) {
            let end = self.now + time;
            while self.now + every <= end {
                self.now += every;
                self.published = (self.now - self.start).as_secs();
                self.series.push(self.now, &self.statistics());
                assert!(self.series.len() <= Series::MOST_SAMPLES);
            }
        }

        fn window(&self, window: Window) -> (Duration, u64) {
            let counted = self.series.window(self.now, &self.statistics(), window);
            (counted.span, counted.statistics.overlay.stats.published)
        }
    }

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[test]
    fn over_a_day_and_more_each_window_is_what_was_counted_in_the_span_it_names() {
        let mut simulated = Simulated::new(Duration::from_millis(123));
        for hour in 0..40 {
            simulated.run(Duration::from_secs(3_600), SAMPLE_EVERY);
            let age = simulated.now - simulated.start;
            assert_eq!(simulated.window(Window::Total), (age, age.as_secs()));
            for window in Window::ALL.into_iter().filter_map(|window| Some((window, window.span()?))) {
                let (window, asked) = window;
                let (span, published) = simulated.window(window);
                let expected = asked.min(age);
                // Half the distance of samples that far back.
                let tolerated = Duration::from_secs(match asked.as_secs() {
                    0..=60 => 1,
                    61..=600 => 5,
                    601..=3_600 => 30,
                    _ => 300,
                });
                assert!(span.abs_diff(expected) <= tolerated, "{hour}: {window} covers {span:?}");
                assert!(published.abs_diff(span.as_secs()) <= 1, "{hour}: {window}: {published} in {span:?}");
            }
        }
    }

    #[test]
    fn a_young_overlay_answers_with_what_there_is() {
        let mut simulated = Simulated::new(DAY);
        for window in Window::ALL {
            assert_eq!(simulated.window(window), (Duration::ZERO, 0));
        }
        simulated.run(Duration::from_secs(30), SAMPLE_EVERY);
        for window in Window::ALL {
            assert_eq!(simulated.window(window), (Duration::from_secs(30), 30));
        }
    }

    #[test]
    fn samples_that_come_late_early_or_twice_change_the_span_and_not_the_truth() {
        let mut simulated = Simulated::new(Duration::ZERO);
        for every in [1, 7, 61, 3_599, 2, 5_000, 1, 90_000, 1] {
            simulated.run(Duration::from_secs(every * 40), Duration::from_secs(every));
            for window in Window::ALL {
                let (span, published) = simulated.window(window);
                assert_eq!(published, span.as_secs(), "{window} with samples each {every} s");
            }
        }
        let before = simulated.series.len();
        simulated.series.push(simulated.now, &simulated.statistics());
        simulated.series.push(Duration::ZERO, &simulated.statistics());
        assert_eq!(simulated.series.len(), before, "time that stands still or goes back adds nothing");
    }

    #[test]
    fn a_day_of_samples_takes_some_hundred_kilobytes() {
        let mut simulated = Simulated::new(Duration::ZERO);
        let mut busy = Statistics::default();
        busy.values_mut().enumerate().for_each(|(at, value)| *value = if at % 3 == 0 { 1 << 33 } else { 0 });
        let mut series = Series::new(Duration::ZERO);
        while simulated.now < DAY * 2 {
            simulated.now += SAMPLE_EVERY;
            series.push(simulated.now, &busy);
        }
        let bytes: usize =
            series.tiers.iter().flat_map(|tier| &tier.samples).map(|(_, packed)| packed.len()).sum();
        assert_eq!((series.len(), Series::MOST_SAMPLES), (302, 302));
        assert!((50_000..250_000).contains(&bytes), "{bytes} bytes in {} samples", series.len());
    }
}
