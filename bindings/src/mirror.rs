//! How a value of the engine becomes one of a host, so that no field and no variant is forgotten: each is named, and one
//! that the engine gains is an error of the compiler.

/// A host's value, made of the engine's.
pub(crate) trait Mirror<T> {
    /// The host's value for `from`.
    fn of(from: T) -> Self;
}

impl<A: Mirror<B>, B> Mirror<Option<B>> for Option<A> {
    fn of(from: Option<B>) -> Self {
        from.map(A::of)
    }
}

impl<A: Mirror<B>, B> Mirror<Vec<B>> for Vec<A> {
    fn of(from: Vec<B>) -> Self {
        from.into_iter().map(A::of).collect()
    }
}

impl Mirror<usize> for u64 {
    fn of(from: usize) -> u64 {
        from as u64
    }
}

/// Values that are the same on both sides.
macro_rules! same {
    ($($type:ty),* $(,)?) => {
        $(impl $crate::mirror::Mirror<$type> for $type {
            fn of(from: $type) -> $type {
                from
            }
        })*
    };
}

same!(bool, u8, u32, u64, i32, i64, String);

/// A record with the fields of the engine's, or an enum of the same plain variants.
macro_rules! mirror {
    ($(#[$about:meta])* pub struct $name:ident of $core:ident { $($(#[$note:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, uniffi::Record)]
        pub struct $name {
            $($(#[$note])* pub $field: $type,)*
        }

        impl $crate::mirror::Mirror<$core> for $name {
            fn of(from: $core) -> $name {
                let $core { $($field),* } = from;
                $name { $($field: $crate::mirror::Mirror::of($field)),* }
            }
        }
    };
    ($(#[$about:meta])* pub enum $name:ident of $core:ident { $($(#[$note:meta])* $variant:ident,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, uniffi::Enum)]
        pub enum $name {
            $($(#[$note])* $variant,)*
        }

        impl $crate::mirror::Mirror<$core> for $name {
            fn of(from: $core) -> $name {
                match from {
                    $($core::$variant => $name::$variant,)*
                }
            }
        }

        impl From<$name> for $core {
            fn from(from: $name) -> $core {
                match from {
                    $($name::$variant => $core::$variant,)*
                }
            }
        }
    };
}

pub(crate) use {mirror, same};
