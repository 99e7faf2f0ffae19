//! `Debug` for what must not be printed.

/// Implements `Debug` so that it shows the type's name and nothing of its value.
macro_rules! redacted_debug {
    ($($name:ident),+ $(,)?) => {$(
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )+};
}
pub(crate) use redacted_debug;
