//! uniffi's generator, in a crate of its own: it is large, runs for a second, and is built unoptimised whatever the library's profile.
//!
//! `gossiperl-bindgen generate --language ruby --out-dir FOLDER LIBRARY` reads the interface from the compiled library.

fn main() {
    uniffi::uniffi_bindgen_main();
}
