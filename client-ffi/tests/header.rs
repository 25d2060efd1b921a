//! The header that is committed is the one that the source says.

#![allow(clippy::expect_used, clippy::panic)]

use std::{env, fs, path::Path};

#[test]
fn the_committed_header_is_current() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut written = Vec::new();
    let config = cbindgen::Config::from_file(here.join("cbindgen.toml")).expect("a configuration");
    let made = cbindgen::Builder::new().with_src(here.join("src/lib.rs"));
    let mut made = made.with_config(config);
    for entry in fs::read_dir(here.join("src")).expect("the source") {
        let path = entry.expect("a file").path();
        if path.file_name().is_some_and(|name| name != "lib.rs") {
            made = made.with_src(path);
        }
    }
    made.generate().expect("a header").write(&mut written);
    let made = String::from_utf8(written).expect("text");
    let path = here.join("include/gossiperl.h");
    if env::var_os("WRITE_HEADER").is_some() {
        fs::write(&path, &made).expect("written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == made,
        "include/gossiperl.h is not what the source says: run WRITE_HEADER=1 cargo test -p gossiperl-ffi --test header"
    );
}
