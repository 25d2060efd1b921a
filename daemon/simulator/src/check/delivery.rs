//! Every acknowledged publication is delivered once to each live subscriber.
//!
//! What is published while a subscriber's daemon is held for failed is not for that subscriber, though it may live: scenarios keep stalls and cuts of
//! those that publish or subscribe apart from the time of their work.

use std::collections::{BTreeMap, BTreeSet};

use gossiperl_overlay::Time;

use super::Violation;

/// A client by its instance.
type Instance = i64;

/// The checker.
#[derive(Debug, Default)]
pub struct Delivery {
    /// Who has to be given what a publisher publishes.
    readers: BTreeMap<Instance, Vec<Instance>>,
    /// Which machine a client lives on.
    home: BTreeMap<Instance, usize>,
    /// Clients whose daemon has ended.
    gone: BTreeSet<Instance>,
    /// By reader and publisher: which numbers have come, the first at place 0.
    seen: BTreeMap<(Instance, Instance), Vec<bool>>,
    /// Deliveries so far.
    pub deliveries: u64,
    /// Messages that were acknowledged.
    pub acknowledged: u64,
    found: Option<Violation>,
}

impl Delivery {
    /// What this client publishes is to go to these, given with their machines.
    pub fn expect(&mut self, machine: usize, publisher: Instance, readers: &[(usize, Instance)]) {
        self.home.insert(publisher, machine);
        self.home.extend(readers.iter().map(|(machine, reader)| (*reader, *machine)));
        self.readers.insert(publisher, readers.iter().map(|(_, reader)| *reader).collect());
    }

    /// A machine's daemon is gone, and its clients with it.
    pub fn ended(&mut self, machine: usize) {
        self.gone.extend(self.home.iter().filter(|(_, home)| **home == machine).map(|(client, _)| *client));
    }

    /// A reader was given a publisher's message of this number.
    pub fn delivered(&mut self, now: Time, reader: Instance, (publisher, number): (Instance, u64)) {
        self.deliveries += 1;
        let seen = self.seen.entry((reader, publisher)).or_default();
        let place = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
        if seen.len() <= place {
            seen.resize(place + 1, false);
        }
        if std::mem::replace(&mut seen[place], true) {
            let text = format!("message {number} of client {publisher} came to client {reader} once more");
            self.found.get_or_insert(Violation { at: now, checker: "delivery", text });
        }
    }

    /// What was found since the last look.
    pub fn check(&mut self) -> Option<Violation> {
        self.found.take()
    }

    /// At the end: whether everything that was acknowledged has come. `published` has messages published and acknowledged by client.
    pub fn finish(&mut self, now: Time, published: &[(Instance, (u64, u64))]) -> Option<Violation> {
        for (publisher, (_, acknowledged)) in published {
            let Some(readers) = self.readers.get(publisher) else { continue };
            self.acknowledged += acknowledged;
            for reader in readers.iter().filter(|reader| !self.gone.contains(reader)) {
                let seen = self.seen.get(&(*reader, *publisher));
                let came =
                    |number: &u64| seen.and_then(|seen| seen.get(*number as usize)).copied().unwrap_or(false);
                if let Some(missing) = (0..*acknowledged).find(|number| !came(number)) {
                    let text = format!(
                        "message {} of {acknowledged} acknowledged ones of client {publisher} did not come to client {reader}",
                        missing + 1
                    );
                    return Some(Violation { at: now, checker: "delivery", text });
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery() -> Delivery {
        let mut delivery = Delivery::default();
        delivery.expect(0, 1, &[(1, 2), (2, 3)]);
        delivery
    }

    #[test]
    fn a_message_that_comes_twice_is_found() {
        let mut delivery = delivery();
        delivery.delivered(Time::ZERO, 2, (1, 1));
        assert_eq!(delivery.check(), None);
        delivery.delivered(Time::ZERO, 2, (1, 1));
        assert!(delivery.check().is_some());
    }

    #[test]
    fn an_acknowledged_message_that_does_not_come_is_found() {
        let mut delivery = delivery();
        delivery.delivered(Time::ZERO, 2, (1, 1));
        assert!(delivery.finish(Time::ZERO, &[(1, (2, 1))]).is_some(), "client 3 has nothing");
        delivery.delivered(Time::ZERO, 3, (1, 1));
        assert_eq!(delivery.finish(Time::ZERO, &[(1, (2, 1))]), None);
        assert!(delivery.finish(Time::ZERO, &[(1, (2, 2))]).is_some());
    }

    #[test]
    fn who_is_gone_need_not_be_given_anything() {
        let mut delivery = delivery();
        delivery.delivered(Time::ZERO, 2, (1, 1));
        delivery.ended(2);
        assert_eq!(delivery.finish(Time::ZERO, &[(1, (1, 1))]), None);
    }
}
