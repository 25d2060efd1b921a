//! Who else takes over what the file says: a reload hands its settings to each of them, and is answered by what became of that.

use std::sync::{Arc, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::Host;
use crate::config::Settings;

/// Settings that a reload brings, for one who follows them. Dropped unanswered, they took effect as far as anybody knows.
pub struct Reload {
    /// What the file says now.
    pub settings: Arc<Settings>,
    answer: oneshot::Sender<TakenOver>,
}

/// What of new settings was not taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenOver {
    /// What should have been and could not be, and why; it stays as it was.
    pub failed: Vec<String>,
    /// What takes effect at the next start only.
    pub restart: Vec<String>,
}

impl Reload {
    /// Tells the reload what became of it.
    pub fn answer(self, taken: TakenOver) {
        // Whoever asked for the reload is gone only when the process ends.
        let _ = self.answer.send(taken);
    }
}

impl Host {
    /// The settings that each reload brings from now on. A reload waits for each to be answered.
    pub fn follow(&self) -> mpsc::Receiver<Reload> {
        let (reloads, followed) = mpsc::channel(1);
        self.shared.followers.lock().unwrap_or_else(PoisonError::into_inner).push(reloads);
        followed
    }

    /// Has all who follow take these settings over, one after the other.
    pub(super) async fn hand_to_followers(&self, settings: &Arc<Settings>) -> TakenOver {
        let followers = self.shared.followers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut all = TakenOver::default();
        for follower in followers {
            let (answer, answered) = oneshot::channel();
            // One that has ended has nothing to take over any more.
            if follower.send(Reload { settings: settings.clone(), answer }).await.is_ok()
                && let Ok(taken) = answered.await
            {
                all.failed.extend(taken.failed);
                all.restart.extend(taken.restart);
            }
        }
        all
    }
}
