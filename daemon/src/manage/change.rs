//! Overlays added, changed and removed over REST.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    ChangeError, Failed, Host, Known, MOST_OVERLAYS, Owner, Running, Token,
    failed::Wanted,
    kept::{self, Staged},
    token,
};
use crate::{
    config::{Change, OverlaySettings, Written, WrongProperty, bind_conflicts},
    store::{Store, StoreError, is_same_ring, on_disk},
};

/// An overlay of REST's before a change.
enum Before<'a> {
    /// It runs, and is written so.
    Running(&'a Running, &'a Written),
    /// It does not, and is written so.
    Kept(&'a Written),
    /// It does not, since what is written of it cannot be read: so.
    Unreadable(&'a str),
}

impl Host {
    /// Adds an overlay with these properties; it is kept and serves when this returns its token.
    pub async fn add(&self, name: &str, properties: &Map<String, Value>) -> Result<Token, ChangeError> {
        let _turn = self.turn().await.ok_or(ChangeError::Stopping)?;
        match self.known(name) {
            None => {}
            Some(Known::Running(_)) => return Err(ChangeError::Taken(name.to_owned())),
            Some(Known::Failed(failed)) => {
                return Err(ChangeError::TakenAndFailed { name: name.to_owned(), why: failed.why.clone() });
            }
        }
        if self.names().len() >= MOST_OVERLAYS {
            return Err(ChangeError::TooMany(MOST_OVERLAYS));
        }
        let written = Written::from_json(name, properties).map_err(ChangeError::Wrong)?;
        let settings = written.settings().map_err(ChangeError::Wrong)?;
        self.check_beside_others(&settings)?;
        self.make_room(name).await?;
        let added = self.start_and_keep(settings, written, token::make).await;
        if added.is_err() {
            self.clear(name).await;
        }
        added.map(|running| running.token.clone())
    }

    /// Gives the overlay of this token all its properties anew. One that does not run is started with them, its address, port and name among them. Says the
    /// names of those that are others now; of one that did not run none.
    pub async fn replace(
        &self,
        name: &str,
        token: &Token,
        properties: &Map<String, Value>,
    ) -> Result<Vec<&'static str>, ChangeError> {
        self.rewrite(name, token, |before| {
            let written = match before {
                Before::Running(running, written) => {
                    written.replaced(properties, &running.settings.shown(running.handle.member_name()))
                }
                Before::Kept(written) => {
                    let shown = written.settings().map(|settings| settings.shown("")).unwrap_or_default();
                    written.replaced(properties, &shown)
                }
                Before::Unreadable(_) => Written::from_json(name, properties),
            };
            written.map_err(ChangeError::Wrong)
        })
        .await
    }

    /// Changes one property of the overlay of this token; `null` takes it away. One that does not run is started with that. Says what is
    /// another now, as [`Host::replace`] does.
    pub async fn set(
        &self,
        name: &str,
        token: &Token,
        property: &str,
        value: &Value,
    ) -> Result<Vec<&'static str>, ChangeError> {
        self.rewrite(name, token, |before| match before {
            Before::Running(_, written) | Before::Kept(written) => {
                written.with(property, value).map_err(ChangeError::Wrong)
            }
            Before::Unreadable(why) => Err(ChangeError::Failed(why.to_owned())),
        })
        .await
    }

    /// Removes the overlay of this token and all that is kept of it.
    pub async fn remove(&self, name: &str, token: &Token) -> Result<(), ChangeError> {
        let _turn = self.turn().await.ok_or(ChangeError::Stopping)?;
        let known = self.of_token(name, token)?;
        kept::forget(&self.store_of_rest(name).await?).await?;
        match known {
            Known::Running(running) => self.end(&running).await,
            Known::Failed(_) => self.change(|table| drop(table.failed.remove(name))),
        }
        self.clear(name).await;
        Ok(())
    }

    async fn rewrite(
        &self,
        name: &str,
        token: &Token,
        rewritten: impl FnOnce(Before<'_>) -> Result<Written, ChangeError>,
    ) -> Result<Vec<&'static str>, ChangeError> {
        let _turn = self.turn().await.ok_or(ChangeError::Stopping)?;
        let running = match self.of_token(name, token)? {
            Known::Running(running) => running,
            Known::Failed(failed) => {
                let before = match &failed.wanted {
                    Wanted::Rest(Some(written)) => Before::Kept(written),
                    _ => Before::Unreadable(&failed.why),
                };
                // It is started as a whole.
                return self.start_as(&failed, rewritten(before)?).await.map(|()| Vec::new());
            }
        };
        let Owner::Rest(before) = &running.owner else { return Err(ChangeError::File(name.to_owned())) };
        let written = rewritten(Before::Running(&running, before))?;
        let settings = written.settings().map_err(ChangeError::Wrong)?;
        let as_running = self.as_running(&running, &settings).await;
        let (change, changed) = (settings.change_from(&as_running), settings.changed_from(&as_running));
        if let Change::Identity(property) = change {
            return Err(ChangeError::Identity(property));
        }
        self.check_beside_others(&settings)?;
        let store = self.store_of_rest(name).await?;
        let (staged, keys) = (Staged::new(&store, &written).await?, settings.key_ids());
        if let Err(error) = self.bring_to(&running, settings, Owner::Rest(written), change).await {
            staged.give_up().await;
            return Err(error);
        }
        let Err(error) = staged.commit(keys).await else {
            self.tell_keys(&running).await;
            return Ok(changed);
        };
        // What was answered last is what is to be there, and to come back.
        if let Ok(staged) = Staged::new(&store, before).await {
            let _ = staged.commit(running.settings.key_ids()).await;
        }
        if let Some(changed) = self.get(name) {
            let before = Owner::Rest(before.clone());
            self.bring_to(&changed, running.settings.clone(), before, change).await?;
        }
        Err(error.into())
    }

    /// Starts an overlay that does not run, as it is written now; where that fails, what is kept of it and its token are as they were.
    async fn start_as(&self, failed: &Failed, written: Written) -> Result<(), ChangeError> {
        let settings = written.settings().map_err(ChangeError::Wrong)?;
        self.check_beside_others(&settings)?;
        let token = failed.token.clone();
        let token = move |store: &Store| token.map_or_else(|| token::load_or_make(store), Ok);
        let started = self.start_and_keep(settings, written, token).await;
        if started.is_err() && self.known(&failed.name).is_none() {
            // It ran, and could not be kept: what was is what comes back.
            self.fail(&failed.name, failed.wanted.clone(), failed.token.clone(), failed.why.clone());
        }
        started.map(|_| ())
    }

    async fn start_and_keep(
        &self,
        settings: OverlaySettings,
        written: Written,
        token: impl FnOnce(&Store) -> Result<Token, StoreError> + Send + 'static,
    ) -> Result<Arc<Running>, ChangeError> {
        let store = self.store_of_rest(&settings.name).await?;
        let (staged, keys) = (Staged::new(&store, &written).await?, settings.key_ids());
        let running = match self.start_one(settings, Owner::Rest(written), token).await {
            Ok(running) => running,
            Err(error) => {
                staged.give_up().await;
                return Err(error.into());
            }
        };
        if let Err(error) = staged.commit(keys).await {
            self.end(&running).await;
            return Err(error.into());
        }
        Ok(running)
    }

    /// The folder of what is kept of an overlay made over REST.
    async fn store_of_rest(&self, name: &str) -> Result<Store, StoreError> {
        let (root, name) = (self.root_of_rest(), name.to_owned());
        on_disk(move || Store::open(&root, &name)).await
    }

    /// Removes the folder of an overlay that was made over REST and is no more, as far as it can be.
    async fn clear(&self, name: &str) {
        let (root, name) = (self.root_of_rest(), name.to_owned());
        if let Err(error) = on_disk(move || Store::remove(&root, &name)).await {
            tracing::warn!(%error, "the folder of a removed overlay cannot be removed");
        }
    }

    /// Makes a running overlay what these settings say.
    pub(super) async fn bring_to(
        &self,
        running: &Arc<Running>,
        settings: OverlaySettings,
        owner: Owner,
        change: Change,
    ) -> Result<(), ChangeError> {
        match change {
            Change::Nothing => {}
            Change::Running => {
                let told = running.handle.reconfigure(settings.clone()).await;
                told.map_err(|_| ChangeError::Ended)?;
            }
            Change::Restart(property) | Change::Identity(property) => {
                tracing::info!(overlay = %settings.name, property, "starting anew for a changed property");
                return self.restart(running, settings, owner).await;
            }
        }
        let changed = running.changed(settings, owner);
        self.change(|table| drop(table.running.insert(changed.settings.name.clone(), changed)));
        Ok(())
    }

    /// Tells an overlay which keys its configuration has, where they are others than `before` and that configuration is the one to stay.
    pub(super) async fn tell_keys(&self, before: &Running) {
        let now = self.get(&before.settings.name);
        if let Some(now) = now.filter(|now| now.settings.symmetric_keys != before.settings.symmetric_keys) {
            // One that ended is told by its next start.
            let _ = now.handle.configured(now.settings.key_ids()).await;
        }
    }

    async fn restart(
        &self,
        running: &Arc<Running>,
        settings: OverlaySettings,
        owner: Owner,
    ) -> Result<(), ChangeError> {
        // It stays in the table meanwhile: who asks for it hears that it is being left, not that there is none.
        running.close().await;
        let token = || {
            let token = running.token.clone();
            move |_: &Store| Ok(token)
        };
        // What the file says now is what is wanted; REST's is kept as it was.
        let later = match &running.owner {
            Owner::File => Wanted::File(Box::new(settings.clone())),
            Owner::Rest(written) => Wanted::Rest(Some(written.clone())),
        };
        let Err(wanted) = self.start_one(settings, owner, token()).await else { return Ok(()) };
        match self.start_one(running.settings.clone(), running.owner.clone(), token()).await {
            Ok(_) => Err(wanted.into()),
            Err(before) => {
                let lost = ChangeError::Lost { wanted: wanted.into(), before: before.into() };
                self.fail(&running.settings.name, later, Some(running.token.clone()), lost.to_string());
                Err(lost)
            }
        }
    }

    /// Leaves an overlay in order, and waits until its sockets are closed.
    pub(super) async fn end(&self, running: &Running) {
        self.change(|table| drop(table.running.remove(&running.settings.name)));
        self.shared.collector.forget(&running.settings.name);
        running.close().await;
    }

    /// The overlay of this name, where REST may change it and it is still the one that whoever has this token means: others may have had their turn since that was looked at.
    fn of_token(&self, name: &str, token: &Token) -> Result<Known, ChangeError> {
        let known = self.known(name).ok_or_else(|| ChangeError::Unknown(name.to_owned()))?;
        if !known.token().is_some_and(|own| own.is(token.expose().as_bytes())) {
            return Err(ChangeError::Removed(name.to_owned()));
        }
        let is_of_file = match &known {
            Known::Running(running) => matches!(running.owner, Owner::File),
            Known::Failed(failed) => matches!(failed.wanted, Wanted::File(_)),
        };
        if is_of_file { Err(ChangeError::File(name.to_owned())) } else { Ok(known) }
    }

    /// Refuses settings whose address another overlay of this host has.
    pub(super) fn check_beside_others(&self, settings: &OverlaySettings) -> Result<(), ChangeError> {
        let all = self.all();
        let other = all
            .iter()
            .find(|other| other.settings.name != settings.name && bind_conflicts(settings, &other.settings));
        match other {
            None => Ok(()),
            Some(other) => Err(ChangeError::Wrong(vec![WrongProperty {
                property: "port".to_owned(),
                text: format!(
                    "{} is taken by overlay {:?}; choose another",
                    settings.port, other.settings.name
                ),
                no_seeds: false,
            }])),
        }
    }
}

impl Host {
    /// The settings that `running` runs with, as `wanted` would spell them: a member name that was made is the same when it is written out, and when it is
    /// no longer; and keys are the same where they are those of the ring, whatever it was derived from.
    pub(super) async fn as_running(&self, running: &Running, wanted: &OverlaySettings) -> OverlaySettings {
        let mut settings = running.settings.clone();
        let name = running.handle.member_name();
        let is_same = match wanted.member_name.as_deref() {
            Some(wanted) => wanted == name,
            None => settings.member_name.is_none() || self.was_made(running).await,
        };
        if is_same {
            settings.member_name.clone_from(&wanted.member_name);
        }
        if wanted.symmetric_keys != settings.symmetric_keys
            && let Ok(ring) = running.handle.ring_keys().await
            && is_same_ring(&ring, &wanted.symmetric_keys)
        {
            settings.symmetric_keys.clone_from(&wanted.symmetric_keys);
        }
        settings
    }

    /// Whether its name is the one that is made, and kept, for the overlay where none is written.
    async fn was_made(&self, running: &Running) -> bool {
        let (root, overlay) = (self.root(&running.owner), running.settings.name.clone());
        let name = running.handle.member_name().to_owned();
        on_disk(move || {
            let store = Store::open(&root, &overlay).ok();
            store.and_then(|store| store.kept_member_name()).is_some_and(|kept| kept == name)
        })
        .await
    }
}
