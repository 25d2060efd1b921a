//! The programs as a person starts them: what they print and how they end.

use std::{
    fs::{self, File},
    process::{Child, Command, Stdio},
};

use crate::support::{GOSSIPERL, GOSSIPERLD, ended, run, written};

#[test]
fn keygen_prints_a_fresh_key_each_time() {
    let (code, one, _) = run(GOSSIPERL, &["keygen"]);
    let (_, other, _) = run(GOSSIPERL, &["keygen"]);
    assert_eq!((code, one.trim_end().len()), (0, 64));
    assert_ne!(one, other);
}

#[test]
fn the_printed_configuration_is_accepted_by_both_checks() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, printed, _) = run(GOSSIPERLD, &["--print-config"]);
    assert_eq!(code, 0);
    let file = written(folder.path(), &printed).display().to_string();
    for (code, told, notes) in
        [run(GOSSIPERL, &["check", &file]), run(GOSSIPERLD, &["--check", "--config", &file])]
    {
        assert_eq!((code, told), (0, format!("{file}: good, overlay main\n")));
        assert!(notes.contains("no seeds"), "{notes}");
    }
}

#[test]
fn each_printed_configuration_has_a_key_of_its_own() {
    let (_, one, _) = run(GOSSIPERLD, &["--print-config"]);
    let (_, other, _) = run(GOSSIPERLD, &["--print-config"]);
    assert_ne!(one, other);
}

#[test]
fn a_refused_configuration_ends_with_its_own_code_and_every_problem() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = written(folder.path(), "[overlays.main]\nport = 0\nprot = 1\n").display().to_string();
    for (code, told, errors) in [
        run(GOSSIPERL, &["check", &file]),
        run(GOSSIPERLD, &["--check", "--config", &file]),
        run(GOSSIPERLD, &["--config", &file]),
    ] {
        assert_eq!((code, told.as_str()), (78, ""));
        assert!(errors.contains(&format!("{file}:2: overlays.main.port: 0 is not allowed")), "{errors}");
        assert!(
            errors.contains(&format!("{file}:3: overlays.main.prot: unknown property; did you mean `port`?")),
            "{errors}"
        );
        assert!(errors.contains("overlays.main.symmetric_key: missing"), "{errors}");
    }
}

#[test]
fn a_missing_configuration_says_how_to_make_one() {
    let (code, _, errors) = run(GOSSIPERLD, &["--config", "/nonexistent/gossiperl.toml"]);
    assert_eq!(code, 78);
    assert!(errors.contains("/nonexistent/gossiperl.toml") && errors.contains("--print-config"), "{errors}");
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_right() {
    for arguments in [&["chekc"][..], &["check"], &["completions", "tcsh"], &["keygen", "x"]] {
        let (code, _, errors) = run(GOSSIPERL, arguments);
        assert_eq!(code, 2, "{arguments:?}");
        assert!(errors.contains("--help") || errors.contains("Usage"), "{errors}");
    }
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, told, _) = run(GOSSIPERL, &["completions", shell]);
        assert_eq!(code, 0);
        assert!(told.contains("keygen") && told.contains("completions"), "{shell}");
    }
}

/// Where nothing can be written.
fn full() -> Stdio {
    File::options().write(true).open("/dev/full").expect("a device").into()
}

/// A pipe that nobody reads any more.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

#[test]
fn output_that_cannot_be_written_is_an_error_and_one_that_is_not_read_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, printed, _) = run(GOSSIPERLD, &["--print-config"]);
    let file = written(folder.path(), &printed).display().to_string();
    for (program, arguments) in [
        (GOSSIPERL, &["check", &file][..]),
        (GOSSIPERL, &["keygen"]),
        (GOSSIPERL, &["completions", "bash"]),
        (GOSSIPERLD, &["--print-config"]),
        (GOSSIPERLD, &["--check", "--config", &file]),
    ] {
        let run = |out, errors| {
            let mut command = Command::new(program);
            command.args(arguments).stdout(out).stderr(errors);
            ended(command.spawn().and_then(Child::wait_with_output).expect("ran"))
        };
        let (code, _, errors) = run(full(), Stdio::piped());
        assert_eq!(code, 1, "{arguments:?}: {errors}");
        assert!(errors.contains("cannot write to standard output: No space left"), "{errors}");
        assert_eq!(run(unread(), Stdio::piped()).0, 0, "{arguments:?}");
        assert_eq!(run(Stdio::piped(), full()).0, 0, "{arguments:?}");
        assert_eq!(run(full(), full()).0, 1, "{arguments:?}");
    }
}

#[test]
fn a_key_file_that_holds_no_key_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty");
    fs::write(&empty, "\n").expect("written");
    for (file, words) in [
        (empty.to_str().expect("text"), "is empty; `gossiperl keygen` makes a key"),
        ("/dev/zero", "/dev/zero has more than 4098 bytes"),
        ("/", "cannot read /: Is a directory"),
    ] {
        let (code, _, errors) = run(GOSSIPERL, &["members", "--port", "7", "--key-file", file]);
        assert_eq!(code, 1);
        assert!(errors.contains(words), "{errors}");
    }
}

#[test]
fn commands_that_need_a_daemon_say_what_to_give() {
    let (code, _, errors) = run(GOSSIPERL, &["members"]);
    assert_eq!(code, 1);
    assert!(errors.contains("--config") && errors.contains("--port"), "{errors}");
    let (code, _, errors) = run(GOSSIPERL, &["members", "--port", "7"]);
    assert_eq!(code, 1);
    assert!(errors.contains("--key-file") && errors.contains("GOSSIPERL_KEY"), "{errors}");
    let (_, _, errors) = run(GOSSIPERL, &["members", "--port", "7", "--key-file", "/nonexistent/key"]);
    assert!(errors.contains("cannot read /nonexistent/key"), "{errors}");
}

#[test]
fn the_overlay_must_be_named_when_there_are_several() {
    let folder = tempfile::tempdir().expect("a folder");
    let overlay = |name: &str, ip: &str| {
        format!(
            "[overlays.{name}]\nip = \"{ip}\"\nport = 7\nsymmetric_key = \"0123456789abcdef\"\nracks = {{ default = [] }}\n"
        )
    };
    let text = overlay("one", "127.0.0.2") + &overlay("two", "127.0.0.3");
    let file = written(folder.path(), &text).display().to_string();
    let (code, _, errors) = run(GOSSIPERL, &["members", "--config", &file]);
    assert_eq!(code, 1);
    assert!(errors.contains("--overlay NAME, one of: one, two"), "{errors}");
    let (_, _, errors) = run(GOSSIPERL, &["members", "--config", &file, "--overlay", "three"]);
    assert!(errors.contains("no overlay \"three\"") && errors.contains("one, two"), "{errors}");
}

#[test]
fn wrong_values_of_options_are_refused_before_anything_is_sent() {
    for arguments in [
        &["publish", "t", "p", "--lines"][..],
        &["publish", "t", "--field", "1=2"],
        &["publish", "t", "p", "--within", "soon"],
        &["publish", "t", "p", "--within", "0"],
        &["subscribe"],
        &["subscribe", "t", "--count", "0"],
        &["bench", "pub", "t", "--size", "7"],
        &["bench", "pub", "t", "--size", "60001"],
        &["members", "--port", "0"],
        &["members", "--overlay", "x"],
    ] {
        let (code, _, errors) = run(GOSSIPERL, arguments);
        assert_eq!(code, 2, "{arguments:?}: {errors}");
    }
}
