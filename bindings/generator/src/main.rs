//! Writes the Kotlin and Python sources, from the compiled library.

fn main() {
    uniffi::uniffi_bindgen_main();
}
