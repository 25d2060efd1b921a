//! The generator as a program, and as ci/test has the packages use it.

#![allow(clippy::expect_used)]

use std::{env, fs, path::Path, process::Command};

#[test]
fn each_language_gets_the_interface_of_the_library() {
    let library = env::current_exe().expect("a program").with_file_name("libgossiperl_uniffi.so");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("generate-{}", std::process::id()));
    let expected = [
        ("ruby", "gossiperl_uniffi.rb", "class Connection"),
        ("kotlin", "com/gossiperl/kotlin/generated/gossiperl_uniffi.kt", "class Connection"),
    ];
    for (language, file, interface) in expected {
        let output = Command::new(env!("CARGO_BIN_EXE_gossiperl-bindgen"))
            .args(["generate", "--no-format", "--language", language, "--config"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../uniffi/generator.toml"))
            .arg("--out-dir")
            .args([&folder, &library])
            .output()
            .expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let generated = fs::read_to_string(folder.join(file)).expect("what it generated");
        assert!(generated.contains(interface), "{language}: no {interface}");
    }
    fs::remove_dir_all(&folder).expect("its own folder");
}
