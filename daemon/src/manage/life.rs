//! What becomes of one overlay, for those who watch it: it is started anew, it does not run for a while, or it is gone.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Failed, Host, Known, Running, Table};

/// An overlay from now on, through all its changes and restarts, to its removal.
pub struct Life {
    table: watch::Receiver<Table>,
    last: Arc<Running>,
    fails: bool,
}

/// What has become of it.
pub enum Turn {
    /// It runs anew, with another task.
    Again(Arc<Running>),
    /// It should run and does not; it is tried again.
    Failed(Arc<Failed>),
    /// It is no more. One of the same name is another overlay.
    Gone,
}

impl Host {
    /// What becomes of this overlay.
    pub fn life(&self, running: &Arc<Running>) -> Life {
        Life { table: self.shared.table.subscribe(), last: running.clone(), fails: false }
    }
}

impl Life {
    /// The overlay as it runs, or ran last.
    pub fn last(&self) -> &Arc<Running> {
        &self.last
    }

    /// Waits for the next turn. Nothing is lost when it is not waited for to the end.
    pub async fn next(&mut self) -> Turn {
        loop {
            let known = self.table.borrow_and_update().known(&self.last.settings.name);
            // One whose token cannot be read is the one that was there, until that is known better.
            let own = |known: &Known| known.token().is_none_or(|token| token.is_same(&self.last.token));
            match known.filter(own) {
                None => return Turn::Gone,
                Some(Known::Running(again)) if !again.handle.is_same(&self.last.handle) => {
                    self.last = again.clone();
                    self.fails = false;
                    return Turn::Again(again);
                }
                Some(Known::Failed(failed)) if !self.fails => {
                    self.fails = true;
                    return Turn::Failed(failed);
                }
                Some(_) => {}
            }
            if self.table.changed().await.is_err() {
                return Turn::Gone;
            }
        }
    }
}
