//! The example configurations, as `gossiperl check` sees them.

use std::{fs, path::Path};

use crate::support::{GOSSIPERL, run, written};

#[test]
fn every_example_configuration_is_good() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/configuration");
    let files = fs::read_dir(&examples).expect("the examples").map(|entry| entry.expect("an entry").path());
    let files: Vec<_> = files.filter(|file| file.extension().is_some_and(|it| it == "toml")).collect();
    assert!(files.len() >= 7, "{files:?}");
    for file in files {
        let folder = tempfile::tempdir().expect("a folder");
        // Nobody else may read a configuration in use. As they stand they are refused, for their placeholders alone.
        let text = fs::read_to_string(&file).expect("text");
        let copy = written(folder.path(), &text);
        let (code, _, errors) = run(GOSSIPERL, &["check", copy.to_str().expect("text")]);
        assert_eq!(code, 78, "{}: {errors}", file.display());
        let (_, problems) = errors.split_once("gossiperl: ").expect("problems");
        let problems: Vec<&str> = problems.lines().collect();
        let (last, problems) = problems.split_last().expect("problems");
        assert!(last.contains("problem"), "{last}");
        assert_eq!(problems.len(), text.matches("\"REPLACE").count(), "{}: {errors}", file.display());
        assert!(problems.iter().all(|problem| problem.contains("placeholder")), "{errors}");
        let copy = written(folder.path(), &text.replace("\"REPLACE", "\"I did"));
        let (code, _, notes) = run(GOSSIPERL, &["check", copy.to_str().expect("text")]);
        let expected = if file.ends_with("one-host.toml") { 1 } else { 0 };
        assert_eq!(code, 0, "{}: {notes}", file.display());
        assert_eq!(notes.lines().count(), expected, "{}: {notes}", file.display());
        assert!(notes.lines().all(|note| note.contains("no seeds")), "{}: {notes}", file.display());
    }
}
