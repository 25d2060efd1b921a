//! Who finds whom, how soon, and at what price.

use crate::network::{Network, SECOND, seed};

#[test]
fn daemons_without_any_seed_find_each_other() {
    let seed = seed(1);
    for round in 0..8 {
        for (count, loss) in [(2, 0.0), (2, 0.3), (8, 0.0), (8, 0.1), (25, 0.3)] {
            let mut network = Network::new(count, loss, seed + round);
            let took = network.converge(60 * SECOND);
            println!("{count} at {loss} loss, seed {}: {took:?}", seed + round);
        }
    }
}

#[test]
fn a_hundred_that_start_at_one_moment_become_one_overlay() {
    let mut network = Network::new(100, 0.02, seed(3));
    let took = network.converge(60 * SECOND);
    println!("{took:?}, {} questions, {} answers", network.questions.len(), network.answers());
}

#[test]
fn halves_that_never_knew_each_other_become_one_overlay() {
    let seed = seed(4);
    for round in 0..10 {
        let mut network = Network::new(12, 0.0, seed + round);
        for host in &mut network.hosts[..4] {
            host.segment = 1;
        }
        network.converge(30 * SECOND);
        network.run(300 * SECOND);
        assert!((0..12).all(|index| network.knows_its_segment(index)));
        for host in &mut network.hosts {
            host.segment = 0;
        }
        let took = network.converge(180 * SECOND);
        println!("seed {}: {took:?}", seed + round);
    }
}

#[test]
fn one_that_lost_everybody_or_was_killed_is_found_again() {
    let mut network = Network::new(6, 0.0, seed(5));
    network.converge(30 * SECOND);
    network.hosts[2].segment = 1;
    network.converge(60 * SECOND);
    // Long enough that both sides have forgotten each other.
    network.run(600 * SECOND);
    network.hosts[2].segment = 0;
    network.converge(30 * SECOND);
    network.hosts[3].up = false;
    network.converge(60 * SECOND);
    network.restart(3);
    let took = network.converge(10 * SECOND);
    println!("restarted: {took:?}");
}

#[test]
fn a_handful_answers_whatever_the_size_of_the_overlay() {
    let mut network = Network::new(60, 0.0, seed(6));
    network.converge(60 * SECOND);
    network.run(10 * SECOND);
    let (mut questions, mut answers) = (0, 0);
    for _ in 0..20 {
        let before = (network.questions.len(), network.answers());
        let newcomer = network.add();
        network.converge(30 * SECOND);
        questions += network.questions[before.0..].iter().filter(|(from, _)| *from == newcomer).count();
        answers += network.answers() - before.1;
    }
    println!("{questions} questions of 20 newcomers, {answers} answers");
    assert!((20..60).contains(&questions));
    let each = answers as f64 / questions as f64;
    assert!((2.0..6.0).contains(&each), "{each} answers to a question");
}

#[test]
fn in_company_the_whole_overlay_asks_now_and_then_and_nobody_answers() {
    for count in [3, 25] {
        let mut network = Network::new(count, 0.0, seed(7));
        network.converge(60 * SECOND);
        network.run(60 * SECOND);
        let before = (network.questions.len(), network.answers());
        network.run(600 * SECOND);
        let questions = network.questions.len() - before.0;
        println!("{questions} questions in ten minutes among {count}");
        // 3 in 30 s are 60, by chance for the larger one.
        assert!((25..=100).contains(&questions), "{questions} among {count}");
        assert_eq!(network.answers(), before.1);
    }
}

#[test]
fn a_daemon_alone_asks_for_ever_at_a_bounded_rate() {
    let mut network = Network::new(1, 0.0, seed(8));
    network.run(3_600 * SECOND);
    let questions = network.questions.len();
    assert!((3_600 / 10..3_600 / 6).contains(&questions), "{questions} in an hour");
    assert_eq!(network.stats(0).group_questions, 0, "it hears itself and does not count that");
    assert_eq!(network.stats(0).foreign, 0);
}

#[test]
fn one_that_leaves_asks_and_answers_no_more() {
    let mut network = Network::new(2, 0.0, seed(9));
    network.converge(30 * SECOND);
    let now = network.now;
    network.hosts[0].overlay.leave(now);
    network.run(10 * SECOND);
    let (asked, answered) = (network.questions.len(), network.stats(0).group_answers);
    let newcomer = network.add();
    network.run(120 * SECOND);
    assert!(network.questions[asked..].iter().all(|(from, _)| *from != 0));
    assert_eq!(network.stats(0).group_answers, answered);
    assert_eq!(network.reachable(newcomer), 2);
}
