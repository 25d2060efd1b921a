//! Structs of counters, with their names and descriptions as data.

/// One counter, described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// What it belongs to: `failures`, `deliveries`, ….
    pub group: &'static str,
    /// Its field's name.
    pub name: &'static str,
    /// What one more of it means, and its unit.
    pub help: &'static str,
}

/// Defines a struct of counters and what goes through all of them, from one table.
macro_rules! counters {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($group:ident { $($(#[doc = $help:literal])+ $field:ident,)+ })+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($($(#[doc = $help])+ pub $field: u64,)+)+
        }

        impl $name {
            /// The counters described, in the order of [`Self::values`].
            pub const COUNTERS: &'static [$crate::Counter] = &[
                $($($crate::Counter {
                    group: stringify!($group),
                    name: stringify!($field),
                    help: concat!($($help),+).trim_ascii(),
                },)+)+
            ];

            /// The counters.
            pub fn values(&self) -> impl Iterator<Item = u64> + use<> {
                [$($(self.$field,)+)+].into_iter()
            }

            /// The counters, to be written.
            pub fn values_mut(&mut self) -> impl Iterator<Item = &mut u64> {
                [$($(&mut self.$field,)+)+].into_iter()
            }
        }
    };
}

pub(crate) use counters;
