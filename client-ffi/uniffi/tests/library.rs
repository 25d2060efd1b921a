//! The library as it was built for Kotlin and Ruby, which ci/test has the packages' own tests use.

#![allow(clippy::expect_used)]

#[test]
fn it_says_which_contract_it_keeps() {
    let library = std::env::current_exe().expect("a program").with_file_name("libgossiperl_uniffi.so");
    let library = std::fs::read(library).expect("cargo builds it before its tests");
    // What generated code calls first.
    let entry = b"\0ffi_gossiperl_uniffi_uniffi_contract_version\0";
    assert!(library.windows(entry.len()).any(|name| name == entry));
}
