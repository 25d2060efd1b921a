use super::*;

fn fails(text: &str, with: &str) {
    let error = Scenario::parse(text).map(|_| ()).expect_err("a bad scenario");
    let told = format!("{error:#}");
    assert!(told.contains(with), "{told:?} does not tell {with:?}");
}

const SOUND: &str = "about = 'x'\nmembers = 10\nduration = '1m'\n";

#[test]
fn a_sound_one_is_read_with_its_defaults() {
    let scenario = Scenario::parse(SOUND).expect("sound");
    assert_eq!((scenario.racks, scenario.start), (1, Start::Join));
    assert_eq!(scenario.overlay.detector(), Detector::lan());
}

#[test]
fn what_is_wrong_is_named() {
    fails("members = 10", "about");
    fails(&SOUND.replace("10", "0"), "members");
    fails(&SOUND.replace("1m", "soon"), "soon");
    fails(&format!("{SOUND}[link]\nloss = 1.5"), "1.5");
    fails(&format!("{SOUND}[link]\nlos = 0.5"), "los");
    fails(&format!("{SOUND}[[action]]\nat = '1s'"), "exactly one kind");
    fails(&format!("{SOUND}[[action]]\nat = '1s'\ncrash = {{ who = {{}} }}"), "who");
    fails(&format!("{SOUND}[[action]]\nat = '1s'\nevery = '0s'\nleave = {{ count = 1 }}"), "every");
    fails(&format!("{SOUND}[phase.late]\nfrom = '50s'\nto = '2m'"), "late");
    fails(&SOUND.replace("10", "30000"), "members");
}

#[test]
fn every_scenario_file_is_sound() {
    let folders = ["scenarios", "scenarios/regressions"];
    let mut read = 0;
    for folder in folders {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let Ok(files) = std::fs::read_dir(folder) else { continue };
        for file in files {
            let path = file.expect("a file").path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                Scenario::read(&path).map_err(|error| format!("{error:#}")).expect("sound");
                read += 1;
            }
        }
    }
    assert!(read > 10, "only {read} scenarios");
}
