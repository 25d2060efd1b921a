//! Files that are read as a configuration, good or not.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use gossiperl_daemon::config::{LoadError, Settings};
use tempfile::TempDir;

use super::overlay;

fn written(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("gossiperl.toml");
    fs::write(&file, bytes).expect("written");
    (folder, file)
}

fn refusal(file: &Path) -> String {
    Settings::load(file).err().expect("an error").to_string()
}

#[test]
fn a_file_that_everyone_reads_is_noted() {
    let (_folder, file) = written(overlay("").as_bytes());
    for (mode, noted) in [(0o600, false), (0o640, false), (0o644, true)] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).expect("set");
        let notes = Settings::load(&file).expect("accepted").notes;
        assert_eq!(notes.iter().any(|note| note.text.contains("chmod 600")), noted, "{mode:o}");
    }
}

#[test]
fn a_missing_file_says_how_to_make_one() {
    let error = Settings::load(Path::new("/nonexistent/gossiperl.toml")).err().expect("an error");
    assert!(matches!(error, LoadError::Unreadable(..)));
    assert!(error.to_string().contains("--print-config"), "{error}");
}

#[test]
fn a_file_that_is_there_is_never_advised_to_be_overwritten() {
    let (folder, not_text) = written(&[overlay("member_name = \"").as_bytes(), b"\xff\"\n"].concat());
    let told = refusal(&not_text);
    assert!(told.contains("gossiperl.toml:6: this is no UTF-8 text"), "{told}");
    let large = folder.path().join("large.toml");
    fs::File::create(&large).and_then(|file| file.set_len((4 << 20) + 1)).expect("made");
    for (file, words) in
        [(not_text.as_path(), "UTF-8"), (&large, "4194304 bytes"), (folder.path(), "directory")]
    {
        let told = refusal(file);
        assert!(told.contains(words) && !told.contains("--print-config >"), "{told}");
    }
}

#[test]
fn a_file_without_an_end_is_refused() {
    let told = refusal(Path::new("/dev/zero"));
    assert!(told.contains("more than 4194304 bytes"), "{told}");
}

#[test]
fn of_very_many_problems_the_first_are_told() {
    let lines: String = (0..1_000).map(|number| format!("x{number} = 1\n")).collect();
    let told = refusal(&written(overlay(&lines).as_bytes()).1);
    let told: Vec<&str> = told.lines().collect();
    assert_eq!(told.len(), 102);
    assert_eq!(told[100], "900 more are not shown");
    assert!(told[101].starts_with("1000 problems in "), "{}", told[101]);
}
