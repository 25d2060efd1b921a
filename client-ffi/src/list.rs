//! What comes out as a list: names and members.

use gossiperl_bindings::{Member as CoreMember, MemberKind as CoreKind, MemberState as CoreState, Name};

use crate::bytes::{Bytes, free};

/// A list of names. It does not change: any thread may read it, several at once.
pub struct Names {
    items: Box<[Bytes]>,
    /// What `items` point into.
    _owned: Vec<Name>,
}

// SAFETY: its pointers are into bytes that it owns and nobody changes.
unsafe impl Send for Names {}
// SAFETY: as above.
unsafe impl Sync for Names {}

impl Names {
    pub(crate) fn of(owned: Vec<Name>) -> Names {
        // A name's bytes stay where they are when the name is moved.
        Names { items: owned.iter().map(|name| Bytes::of(name)).collect(), _owned: owned }
    }

    pub(crate) fn made(names: Vec<Name>) -> *mut Names {
        Box::into_raw(Box::new(Names::of(names)))
    }

    pub(crate) fn items(&self) -> &[Bytes] {
        &self.items
    }
}

/// The names, `*length` of them one after the other. They live as long as the list. NULL and 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_names_items(names: *const Names, length: *mut usize) -> *const Bytes {
    // SAFETY: NULL is told apart; that it is alive is the caller's part of the contract.
    items(unsafe { names.as_ref() }.map(|names| &*names.items), length)
}

/// Frees a list of names. NULL is nothing.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_names_free(names: *mut Names) {
    free(names);
}

/// A member of the overlay: a daemon, or a client of one.
#[repr(C)]
pub struct Member {
    /// Its name, unique in the overlay.
    pub name: Bytes,
    /// Where its datagrams come from, as text such as "192.0.2.7:6666". None (`data` is NULL) in events of protocol 1, which do not tell.
    pub address: Bytes,
    /// The rack it stands in. None (`data` is NULL) in protocol 1, which does not tell.
    pub rack: Bytes,
    /// Unix time in seconds at which it was last heard of.
    pub heartbeat: i64,
    /// What it is.
    pub kind: MemberKind,
    /// How it is.
    pub state: MemberState,
}

/// What a member is.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum MemberKind {
    /// Not told: protocol 1 does not distinguish.
    Unknown = 0,
    /// A daemon.
    Daemon = 1,
    /// A client of a daemon.
    Client = 2,
}

/// How a member is.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum MemberState {
    /// Not known to this version of the library.
    Unknown = 0,
    /// Heard of lately.
    Reachable = 1,
    /// Silent; it may still come back.
    Quarantine = 2,
    /// Silent for so long that it counts as gone, though not forgotten.
    Unreachable = 3,
    /// It said goodbye.
    Left = 4,
}

/// A list of members. It does not change: any thread may read it, several at once.
pub struct Members {
    items: Box<[Member]>,
    /// What `items` point into.
    _owned: Vec<(CoreMember, String)>,
}

// SAFETY: its pointers are into bytes that it owns and nobody changes.
unsafe impl Send for Members {}
// SAFETY: as above.
unsafe impl Sync for Members {}

impl Members {
    pub(crate) fn of(members: Vec<CoreMember>) -> Members {
        let owned: Vec<_> = members
            .into_iter()
            .map(|member| {
                let address = member.address.map(|address| address.to_string());
                (member, address.unwrap_or_default())
            })
            .collect();
        // The bytes of names and texts stay where they are when these are moved.
        Members {
            items: owned.iter().map(|(member, address)| described(member, address)).collect(),
            _owned: owned,
        }
    }

    pub(crate) fn made(members: Vec<CoreMember>) -> *mut Members {
        Box::into_raw(Box::new(Members::of(members)))
    }

    pub(crate) fn items(&self) -> &[Member] {
        &self.items
    }
}

/// The members, `*length` of them one after the other. They live as long as the list. NULL and 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_members_items(members: *const Members, length: *mut usize) -> *const Member {
    // SAFETY: NULL is told apart; that it is alive is the caller's part of the contract.
    items(unsafe { members.as_ref() }.map(|members| &*members.items), length)
}

/// Frees a list of members. NULL is nothing.
#[unsafe(no_mangle)]
pub extern "C" fn gossiperl_members_free(members: *mut Members) {
    free(members);
}

/// The first of `list`, and at `length` how many there are.
pub(crate) fn items<T>(list: Option<&[T]>, length: *mut usize) -> *const T {
    if !length.is_null() {
        // SAFETY: not NULL; that it can be written is the caller's part of the contract.
        unsafe { length.write(list.map_or(0, <[T]>::len)) };
    }
    list.map_or(std::ptr::null(), <[T]>::as_ptr)
}

fn described(member: &CoreMember, address: &str) -> Member {
    Member {
        name: Bytes::of(&member.name),
        address: member.address.map_or(Bytes::NONE, |_| Bytes::of(address.as_bytes())),
        rack: member.rack.as_ref().map_or(Bytes::NONE, |rack| Bytes::of(rack)),
        heartbeat: member.heartbeat,
        kind: match member.kind {
            CoreKind::Daemon => MemberKind::Daemon,
            CoreKind::Client => MemberKind::Client,
            _ => MemberKind::Unknown,
        },
        state: match member.state {
            CoreState::Reachable => MemberState::Reachable,
            CoreState::Quarantine => MemberState::Quarantine,
            CoreState::Unreachable => MemberState::Unreachable,
            CoreState::Left => MemberState::Left,
            _ => MemberState::Unknown,
        },
    }
}
