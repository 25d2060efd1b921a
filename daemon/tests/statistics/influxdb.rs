//! Debian's InfluxDB gets what is counted, through its crashes too.

use std::fs;

use crate::{
    dashboard,
    legacy::Legacy,
    server::{ADMINISTRATOR, Influx},
    support::{Host, Metrics, receive, settings, subscribe},
};

const DATABASE: &str = "statistics";

/// The table `[statistics.influxdb]` for a server.
fn table(influx: &Influx, more: &str) -> String {
    let url = influx.url();
    format!(
        "[statistics.influxdb]\nurl = \"{url}\"\ndatabase = \"{DATABASE}\"\nusername = \"{ADMINISTRATOR}\"\n{more}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn points_are_what_a_client_counted() {
    const MESSAGES: u64 = 2_000;
    let mut influx = Influx::new();
    influx.start().await;
    influx.create(DATABASE).await;
    let folder = tempfile::tempdir().expect("a folder");
    let password = folder.path().join("password");
    fs::write(&password, format!("{ADMINISTRATOR}\nnot this\n")).expect("written");
    let host = Host::start(&table(&influx, &format!("password_file = {password:?}\nevery = 0.2"))).await;
    let (publisher, subscriber) = (host.client("publisher").await, host.client("subscriber").await);
    let mut reader = subscribe(&subscriber).await;
    host.publish(&publisher, MESSAGES as usize).await;
    receive(&mut reader, MESSAGES as usize).await;
    host.wait_for("all acknowledgements", |metrics| {
        metrics.of("gossiperl_messages_delivered_total", "") == MESSAGES as f64
    })
    .await;
    let collector = host.service.host().collector().clone();
    host.service.leave().await;
    let last =
        async |fields: &str, from: &str| influx.rows(DATABASE, &format!("SELECT {fields} FROM {from}")).await;
    let rows = last("last(published), last(delivered), last(daemons_reachable)", "gossiperl_overlay").await;
    assert_eq!(rows, [[MESSAGES, MESSAGES, 1]], "the last batch was made at the end");
    let frames = "gossiperl_frames WHERE kind = 'Message' AND direction = 'in' AND overlay = 'main'";
    assert!(last("last(frames)", frames).await[0][0].as_u64() >= Some(MESSAGES));
    let members = influx.rows(DATABASE, "SHOW TAG VALUES FROM gossiperl_overlay WITH KEY = member").await;
    assert_eq!(members, [["host, 1"]]);
    let longest =
        last("last(\"le_8388608\"), last(count)", "gossiperl_round_trips WHERE \"with\" = 'clients'").await;
    assert_eq!(longest[0][0], longest[0][1], "nothing took 8 s");
    let metrics = Metrics(collector.metrics(0).await);
    assert_eq!((metrics.points("dropped"), metrics.points("refused")), (0, 0));
    assert_eq!(metrics.points("written"), influx.points(DATABASE).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_the_dashboard_finds_something() {
    let mut influx = Influx::new();
    influx.start().await;
    influx.create(DATABASE).await;
    let host = Host::start(&table(&influx, &format!("password = \"{ADMINISTRATOR}\"\nevery = 0.1"))).await;
    let client = host.client("client").await;
    let mut reader = subscribe(&host.client("subscriber").await).await;
    let mut old = Legacy::new(&host, "old");
    // Rates take two points at least.
    for round in 1..=5 {
        host.publish(&client, 50).await;
        receive(&mut reader, 50).await;
        old.digest();
        old.hear(|heard| heard.get("digestAck").is_some_and(|counted| counted.0 == round));
        let written = host.metrics().await.points("written");
        host.wait_for("points are written", |metrics| metrics.points("written") > written + 20).await;
    }
    host.service.leave().await;
    for query in dashboard::queries("influxdb.json") {
        let answer = influx.query(DATABASE, &query).await;
        let series =
            answer["results"][0]["series"].as_array().unwrap_or_else(|| panic!("{query} finds {answer}"));
        assert_eq!(series[0]["tags"]["overlay"], "main", "{query} mixes the overlays of one member");
        let columns = series[0]["columns"].as_array().expect("columns").len();
        for column in 1..columns {
            let rows = series.iter().flat_map(|series| series["values"].as_array().expect("rows"));
            let there = rows.filter(|row| !row[column].is_null()).count();
            assert!(there > 0, "{query}: nothing in {}", series[0]["columns"][column]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_counted_point_is_lost_when_the_server_crashes_and_comes_back() {
    let mut influx = Influx::new();
    influx.start().await;
    influx.create(DATABASE).await;
    let host = Host::start(&table(&influx, &format!("password = \"{ADMINISTRATOR}\"\nevery = 0.1"))).await;
    let publisher = host.client("publisher").await;
    for round in 1..=2 {
        let written = host.metrics().await.points("written");
        host.wait_for("points are written", |metrics| metrics.points("written") > written + 20).await;
        influx.crash();
        let failed = host.metrics().await.failed();
        host.publish(&publisher, 100).await;
        let metrics =
            host.wait_for("batches wait", |metrics| metrics.failed() > failed && metrics.waiting() > 5);
        assert_eq!(metrics.await.points("dropped"), 0, "round {round}");
        influx.start().await;
        host.wait_for("nothing waits", |metrics| metrics.waiting() <= 1).await;
    }
    let collector = host.service.host().collector().clone();
    host.service.leave().await;
    let metrics = Metrics(collector.metrics(0).await);
    assert_eq!((metrics.points("dropped"), metrics.points("refused"), metrics.waiting()), (0, 0, 0));
    assert_eq!(influx.points(DATABASE).await, metrics.points("written"));
    assert_eq!(influx.number(DATABASE, "SELECT last(published) FROM gossiperl_overlay").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_bound_the_oldest_go_and_are_counted() {
    let mut influx = Influx::new();
    let more = format!("password = \"{ADMINISTRATOR}\"\nevery = 0.1\nqueue = 3");
    let host = Host::start(&table(&influx, &more)).await;
    let metrics = host.wait_for("some are dropped", |metrics| metrics.points("dropped") > 10).await;
    assert_eq!((metrics.points("written"), metrics.waiting()), (0, 3));
    // No user, no database: an operator can repair that.
    influx.start().await;
    let failed = host.metrics().await.failed();
    host.wait_for("it refuses us", |metrics| metrics.failed() > failed).await;
    influx.create(DATABASE).await;
    host.wait_for("points are written", |metrics| metrics.points("written") > 20).await;
    let collector = host.service.host().collector().clone();
    host.service.leave().await;
    let metrics = Metrics(collector.metrics(0).await);
    assert_eq!(influx.points(DATABASE).await, metrics.points("written"));
    assert_eq!((metrics.points("refused"), metrics.waiting()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_a_right_password_address_or_database_is_written_once_it_is_there() {
    let (mut influx, mut other) = (Influx::new(), Influx::new());
    for server in [&mut influx, &mut other] {
        server.start().await;
        server.create(DATABASE).await;
    }
    let password = |password: &str| format!("password = \"{password}\"\nevery = 0.1");
    let host = Host::start(&table(&influx, &password("a wrong one"))).await;
    let publisher = host.client("publisher").await;
    let mut published = 0;
    for (server, wrong) in [
        (&influx, table(&influx, &password("a wrong one"))),
        (&other, table(&other, &password(ADMINISTRATOR)).replace(&format!("{DATABASE:?}"), "\"none\"")),
        (&influx, table(&influx, &password(ADMINISTRATOR)).replace("http://", "https://")),
    ] {
        host.reload(&wrong).await;
        host.publish(&publisher, 1).await;
        published += 1;
        let before = host.metrics().await;
        let wait = |metrics: &Metrics| {
            metrics.failed() > before.failed() && metrics.waiting() > before.waiting() + 5
        };
        host.wait_for("batches wait", wait).await;
        // This many had been published in batches that waited, and in no other.
        let query = format!("SELECT count(published) FROM gossiperl_overlay WHERE published = {published}");
        host.publish(&publisher, 1).await;
        published += 1;
        host.reload(&table(server, &password(ADMINISTRATOR))).await;
        host.wait_for("nothing waits", |metrics| metrics.waiting() <= 1).await;
        assert!(server.number(DATABASE, &query).await >= 5, "{wrong}: what waited is not there");
    }
    let collector = host.service.host().collector().clone();
    host.service.leave().await;
    let metrics = Metrics(collector.metrics(0).await);
    assert_eq!((metrics.points("dropped"), metrics.points("refused"), metrics.waiting()), (0, 0, 0));
    let both = influx.points(DATABASE).await + other.points(DATABASE).await;
    // What was being sent when its server was replaced may be at both.
    assert!(both >= metrics.points("written"), "{both} points at both, {}", metrics.points("written"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_file_that_changes_is_read_again_by_a_reload_and_after_a_refusal() {
    let mut influx = Influx::new();
    influx.start().await;
    influx.create(DATABASE).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    let written = async |host: &Host| {
        let written = host.metrics().await.points("written");
        host.wait_for("points are written", |metrics| metrics.points("written") > written + 10).await;
    };
    fs::write(&file, "a wrong one").expect("written");
    let top = table(&influx, &format!("password_file = {file:?}\nevery = 0.1"));
    let host = Host::start(&top).await;
    // Nobody reloads.
    host.wait_for("it is refused", |metrics| metrics.failed() > 0).await;
    fs::write(&file, ADMINISTRATOR).expect("written");
    written(&host).await;
    // A reload has it tried before anybody refuses the old one.
    let failed = host.metrics().await.failed();
    fs::write(&file, "a wrong one").expect("written");
    host.reload(&top).await;
    host.wait_for("it is refused", |metrics| metrics.failed() > failed).await;
    fs::write(&file, ADMINISTRATOR).expect("written");
    host.reload(&top).await;
    written(&host).await;
    let metrics = host.metrics().await;
    assert_eq!((metrics.points("dropped"), metrics.points("refused")), (0, 0));
    host.service.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_the_certificate_must_be_trusted() {
    let mut influx = Influx::with_tls();
    influx.start().await;
    influx.create(DATABASE).await;
    let credentials = format!("password = \"{ADMINISTRATOR}\"\nevery = 0.1");
    let trusted = format!("{credentials}\ncertificates = {:?}", influx.certificate());
    let trusting = Host::start(&table(&influx, &trusted)).await;
    trusting.wait_for("points are written", |metrics| metrics.points("written") > 0).await;
    trusting.service.leave().await;
    let strict = Host::start(&table(&influx, &credentials)).await;
    let metrics = strict.wait_for("it is refused", |metrics| metrics.failed() > 0).await;
    assert_eq!(metrics.points("written"), 0);
    strict.service.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_file_that_is_none_ends_the_start_with_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, contents, words) in [
        ("missing", None, "cannot read statistics.influxdb.password_file"),
        ("empty", Some("\nsecond line"), "must be a password of 1 to"),
    ] {
        let file = folder.path().join(name);
        if let Some(contents) = contents {
            fs::write(&file, contents).expect("written");
        }
        let influx = Influx::new();
        let settings = settings(&table(&influx, &format!("password_file = {file:?}")), folder.path());
        let started = gossiperl_daemon::service::Service::start(&settings, None).await;
        let error = started.err().expect("refused");
        let text = format!("{error:#}");
        assert!(text.contains(words) && text.contains(name), "{text}");
        assert!(!text.contains("second"), "{text}");
    }
}
