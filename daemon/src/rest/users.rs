//! The two users of the host, and how it is proven to be one of them.
//!
//! A password that was made is kept as an HMAC-SHA256 under a salt of its own. It is 128 random bits: nobody finds it by trying, however fast each try is, which argon2's slowness is
//! against where people think passwords up. So it is known to be right, or wrong, at once, and no guesses of others keep it out. One that was made and kept as an argon2 hash
//! by an earlier version goes on as that.
//!
//! A password of the configuration is held as an HMAC under a key of this process; one that is configured as an argon2 hash is held as that. Since argon2
//! is slow on purpose, the HMAC of a password that was right is remembered, through reloads too where they leave the user as it is, and compared first. It is never written to
//! the disk: that would undo what argon2 is for. All comparisons take constant time.

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::hmac;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Files, password, throttle::Attempt};
use crate::{
    config::{Account, RestSettings, UserPassword},
    random,
};

/// What of the users that were made is kept: their hashes. Their passwords stand in files of their own, for people.
const USERS: &str = "users.json";
/// The longest password that is looked at.
const LONGEST: usize = 1_024;
/// What the hash of a password that was made begins with; the salt and the HMAC follow.
const QUICK: &str = "$hmac-sha256$";

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Lists and adds overlays.
    RestUser,
    /// Sees tokens, reloads.
    Superuser,
}

impl Role {
    /// Its name in the configuration, of the file with its password, and its username where it was made.
    pub(super) fn name(self) -> &'static str {
        match self {
            Role::RestUser => "rest_user",
            Role::Superuser => "superuser",
        }
    }
}

/// Who may log in.
pub(super) struct Users {
    logins: RwLock<Logins>,
    key: hmac::Key,
}

struct Logins {
    rest_user: Option<Login>,
    superuser: Option<Login>,
}

/// One user.
struct Login {
    username: String,
    /// Argon2; `None` where the password is known by its keyed hash alone.
    hash: Option<String>,
    /// By what the password is known at once, or will be once it was right.
    known: Mutex<Option<Known>>,
}

/// A password's HMAC. Has no `Debug`.
#[derive(Clone)]
struct Known {
    key: hmac::Key,
    tag: Vec<u8>,
}

impl Known {
    fn new(key: &hmac::Key, password: &[u8]) -> Self {
        Known { key: key.clone(), tag: hmac::sign(key, password).as_ref().to_vec() }
    }

    /// In constant time.
    fn is(&self, password: &[u8]) -> bool {
        hmac::verify(&self.key, password, &self.tag).is_ok()
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Kept {
    rest_user: Option<KeptUser>,
    superuser: Option<KeptUser>,
}

#[derive(Clone, Serialize, Deserialize)]
struct KeptUser {
    username: String,
    hash: String,
}

impl Users {
    /// Those of the settings; those not given are made on first start, and where their passwords are is told in the log.
    pub(super) fn load(settings: &RestSettings, files: &Files) -> anyhow::Result<Self> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &random::bytes::<32>()?);
        let logins = Logins::load(settings, files, &key)?;
        Ok(Users { logins: RwLock::new(logins), key })
    }

    /// Other settings from now on.
    pub(super) fn reload(&self, settings: &RestSettings, files: &Files) -> anyhow::Result<()> {
        let logins = Logins::load(settings, files, &self.key)?;
        let mut held = self.logins.write().unwrap_or_else(PoisonError::into_inner);
        for role in [Role::RestUser, Role::Superuser] {
            if let (Some(now), Some(before)) = (logins.of(role), held.of(role)) {
                now.know_from(before);
            }
        }
        *held = logins;
        Ok(())
    }

    /// Whether there is such a user at all.
    pub(super) fn has(&self, role: Role) -> bool {
        self.logins.read().unwrap_or_else(PoisonError::into_inner).of(role).is_some()
    }

    /// Whether these are the user's name and a password that is known to be right. Costs next to nothing.
    pub(super) fn knows(&self, role: Role, username: &[u8], password: &[u8]) -> bool {
        self.look(role, username, password).is_some_and(|(named, known, _)| named && known)
    }

    /// Whether these are the user's name and password, found out by hashing where it takes that, in the attempt's turn: `None`. Otherwise how long the
    /// answer is to wait. What has begun runs to its end, whether or not somebody still waits: a hash that nobody waits for has its turn and its place all the same.
    pub(super) async fn is(
        self: &Arc<Self>,
        role: Role,
        username: Vec<u8>,
        password: Zeroizing<Vec<u8>>,
        attempt: Attempt,
    ) -> Option<Duration> {
        let found = self.look(role, &username, &password);
        let hashed = match found {
            Some((named, false, Some(hash))) if password.len() <= LONGEST => Some((named, hash)),
            // Known by its keyed hash, or not at all.
            Some((true, true, _)) => return None,
            _ => None,
        };
        let Some((named, hash)) = hashed else { return Some(attempt.fail(Instant::now())) };
        let Some(turn) = attempt.turn().await else { return Some(attempt.fail(Instant::now())) };
        let users = self.clone();
        let hashed = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            // Hashed whatever the name is, so that the time does not tell.
            let right = password::matches(&password, &hash) && named;
            if !right {
                return Some(attempt.fail(Instant::now()));
            }
            users.remember(role, &hash, &password);
            None
        });
        // An error: the runtime is ending, or a defect, after which nobody is let in.
        hashed.await.unwrap_or(Some(Duration::ZERO))
    }

    /// Whether the name is right, whether the password is known to be, and what the password's hash is.
    fn look(&self, role: Role, username: &[u8], password: &[u8]) -> Option<(bool, bool, Option<String>)> {
        if password.len() > LONGEST {
            return None;
        }
        let logins = self.logins.read().unwrap_or_else(PoisonError::into_inner);
        let login = logins.of(role)?;
        let named: bool = login.username.as_bytes().ct_eq(username).into();
        let known = login.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let known = known.is_some_and(|known| known.is(password));
        Some((named, known, login.hash.clone()))
    }

    fn remember(&self, role: Role, hash: &str, password: &[u8]) {
        let logins = self.logins.read().unwrap_or_else(PoisonError::into_inner);
        // Of the same hash still: a reload may have come in between.
        if let Some(login) = logins.of(role).filter(|login| login.hash.as_deref() == Some(hash)) {
            let known = Known::new(&self.key, password);
            *login.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        }
    }
}

impl Login {
    /// Knows the password at once where it was right before and the user is the same still.
    fn know_from(&self, before: &Login) {
        if self.hash.is_some() && self.username == before.username && self.hash == before.hash {
            let known = before.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
            *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        }
    }
}

impl Logins {
    fn load(settings: &RestSettings, files: &Files, key: &hmac::Key) -> anyhow::Result<Self> {
        let mut kept = match files.read(USERS)? {
            Some(text) => serde_json::from_str(&text).with_context(|| {
                format!(
                    "{} cannot be read; remove it and new passwords are made",
                    files.path(USERS).display()
                )
            })?,
            None => Kept::default(),
        };
        let rest_user = login(&settings.rest_user, Role::RestUser, &mut kept.rest_user, files, key)?;
        let superuser = login(&settings.superuser, Role::Superuser, &mut kept.superuser, files, key)?;
        let text = serde_json::to_vec_pretty(&kept)?;
        if files.read(USERS)?.is_none_or(|before| before.as_bytes() != text) {
            files.keep(USERS, &text)?;
        }
        Ok(Logins { rest_user, superuser })
    }

    fn of(&self, role: Role) -> Option<&Login> {
        match role {
            Role::RestUser => self.rest_user.as_ref(),
            Role::Superuser => self.superuser.as_ref(),
        }
    }
}

fn login(
    account: &Account,
    role: Role,
    kept: &mut Option<KeptUser>,
    files: &Files,
    key: &hmac::Key,
) -> anyhow::Result<Option<Login>> {
    let (username, hash, known) = match account {
        Account::Off => return Ok(None),
        Account::Given(user) => match &user.password {
            UserPassword::Plain(password) => (user.username.clone(), None, Some(Known::new(key, password))),
            UserPassword::Hash(hash) => (user.username.clone(), Some(hash.clone()), None),
        },
        Account::Made => {
            let user = match kept {
                Some(user) => user,
                None => kept.insert(make(role, files)?),
            };
            match quick(&user.hash) {
                Some(known) => (user.username.clone(), None, Some(known)),
                None => (user.username.clone(), Some(user.hash.clone()), None),
            }
        }
    };
    Ok(Some(Login { username, hash, known: Mutex::new(known) }))
}

/// Makes a password of 128 random bits. Its file is written first: a hash without its password would be of use to nobody.
fn make(role: Role, files: &Files) -> anyhow::Result<KeptUser> {
    let username = role.name().to_owned();
    let password = Zeroizing::new(random::key()?);
    let password = Zeroizing::new(password.get(..32).unwrap_or_default().to_owned());
    let salt = random::bytes::<16>()?;
    let known = Known::new(&hmac::Key::new(hmac::HMAC_SHA256, &salt), password.as_bytes());
    let [salt, tag] = [&salt[..], &known.tag].map(|bytes| BASE64_STANDARD.encode(bytes));
    let hash = format!("{QUICK}{salt}${tag}");
    files.keep(role.name(), format!("{username}:{}\n", *password).as_bytes())?;
    tracing::info!(user = %username, file = %files.path(role.name()).display(), "a password was made for this user; it stands in the file");
    Ok(KeptUser { username, hash })
}

/// What [`make`] has kept; `None`: something else.
fn quick(hash: &str) -> Option<Known> {
    let (salt, tag) = hash.strip_prefix(QUICK)?.split_once('$')?;
    let [salt, tag] = [salt, tag].map(|text| BASE64_STANDARD.decode(text).ok());
    Some(Known { key: hmac::Key::new(hmac::HMAC_SHA256, &salt?), tag: tag? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::User, rest::throttle::Throttle};

    fn settings(password: UserPassword) -> RestSettings {
        let account = Account::Given(User { username: "one".to_owned(), password });
        RestSettings { rest_user: account, ..RestSettings::default() }
    }

    #[tokio::test]
    async fn a_password_that_was_made_is_known_at_once_also_after_a_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Files::open(folder.path()).expect("opened");
        let mut before = None;
        for _ in 0..2 {
            let users = Users::load(&RestSettings::default(), &files).expect("loaded");
            for role in [Role::RestUser, Role::Superuser] {
                let text = files.read(role.name()).expect("read").expect("made");
                let (name, password) = text.trim_end().split_once(':').expect("both");
                assert!(users.knows(role, name.as_bytes(), password.as_bytes()));
                assert!(!users.knows(role, b"other", password.as_bytes()));
                assert!(!users.knows(role, name.as_bytes(), &password.as_bytes()[1..]));
            }
            let kept = files.read(USERS).expect("read");
            assert!(before.is_none_or(|before| before == kept), "kept as it was");
            before = Some(kept);
        }
    }

    #[tokio::test]
    async fn an_argon2_hash_kept_before_goes_on_and_a_reload_forgets_no_password_that_was_right() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Files::open(folder.path()).expect("opened");
        let hash = password::hash(b"correct horse").expect("hashed");
        let text =
            format!("{{\"rest_user\":{{\"username\":\"rest_user\",\"hash\":{hash:?}}},\"superuser\":null}}");
        files.keep(USERS, text.as_bytes()).expect("kept");
        let configured = settings(UserPassword::Hash(hash));
        for (settings, name) in [(RestSettings::default(), "rest_user"), (configured, "one")] {
            let users = Arc::new(Users::load(&settings, &files).expect("loaded"));
            let knows = |users: &Users| users.knows(Role::RestUser, name.as_bytes(), b"correct horse");
            assert!(!knows(&users));
            let attempt = Throttle::default().admit(Instant::now(), [192, 0, 2, 1].into()).expect("a place");
            let password = Zeroizing::new(b"correct horse".to_vec());
            assert_eq!(users.is(Role::RestUser, name.into(), password, attempt).await, None);
            assert!(knows(&users));
            users.reload(&settings, &files).expect("reloaded");
            assert!(knows(&users), "the user is the same");
            let other = UserPassword::Hash(password::hash(b"another").expect("hashed"));
            users.reload(&self::settings(other), &files).expect("reloaded");
            assert!(!users.knows(Role::RestUser, b"one", b"correct horse"), "another one");
        }
    }
}
