//! A service as a process: its output, its end, and what is left of its group.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use steadfast::adapter::process::{LogSink, Process, ProcessError, ServiceCommand, build};
use steadfast::world::supervisor::Supervisor;

const GRACE: Duration = Duration::from_secs(30);

fn command(run: &str) -> ServiceCommand {
    ServiceCommand { name: "orders".to_owned(), run: run.to_owned(), ..ServiceCommand::default() }
}

fn silent() -> LogSink {
    Arc::new(|_: &str| {})
}

fn supervisor() -> Supervisor {
    Supervisor::start().expect("a supervisor")
}

async fn until_line(process: &Process, line: &str) {
    while !process.last_lines(usize::MAX).iter().any(|found| found == line) {
        tokio::task::yield_now().await;
    }
}

fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

#[tokio::test]
async fn output_of_both_streams_is_kept_and_passed_on() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let log: LogSink = Arc::new(move |line: &str| sink.lock().expect("not poisoned").push(line.to_owned()));
    let service = ServiceCommand {
        env: vec![("WORD".to_owned(), "from the environment".to_owned())],
        directory: "/usr".into(),
        ..command("echo $WORD; pwd; echo wrong >&2; exit 3")
    };
    let supervisor = supervisor();
    let mut process = Process::spawn(&supervisor, &service, log).expect("started");
    assert_eq!(process.wait().await.expect("ended").code(), Some(3));
    assert_eq!(process.exited().and_then(|status| status.code()), Some(3));
    let mut lines = process.last_lines(10);
    let mut passed_on = seen.lock().expect("not poisoned").clone();
    lines.sort();
    passed_on.sort();
    assert_eq!(lines, ["/usr", "from the environment", "wrong"]);
    assert_eq!(passed_on, lines);
    assert_eq!(process.last_lines(1).len(), 1);
}

/// The cargo that runs this test has told it of its package.
#[tokio::test]
async fn of_our_own_package_a_service_is_told_nothing() {
    assert!(std::env::var_os("CARGO_PKG_NAME").is_some(), "cargo runs this test");
    let supervisor = supervisor();
    let mut process = Process::spawn(&supervisor, &command("env"), silent()).expect("started");
    process.wait().await.expect("ended");
    let lines = process.last_lines(usize::MAX);
    assert!(lines.iter().any(|line| line.starts_with("PATH=")), "{lines:?}");
    let told =
        lines.iter().find(|line| line.starts_with("CARGO_PKG_") || line.starts_with("CARGO_MANIFEST_"));
    assert_eq!(told, None);
}

#[tokio::test]
async fn a_relative_program_is_relative_to_its_directory() {
    let root = tempfile::tempdir_in(".").expect("a folder below the one of the tests");
    let folder = std::path::Path::new(root.path().file_name().expect("a name")).to_owned();
    std::os::unix::fs::symlink("/bin/echo", root.path().join("say")).expect("a program");
    let service = ServiceCommand { directory: folder, ..command("./say here") };
    let supervisor = supervisor();
    let mut process = Process::spawn(&supervisor, &service, silent()).expect("started");
    assert!(process.wait().await.expect("ended").success());
    assert_eq!(process.last_lines(1), ["here"]);
}

#[tokio::test]
async fn a_kill_takes_the_whole_group_and_leaves_no_zombie() {
    let supervisor = supervisor();
    let run = "trap '' TERM; sleep 1000 & echo $!; echo up; wait";
    let mut process = Process::spawn(&supervisor, &command(run), silent()).expect("started");
    until_line(&process, "up").await;
    let child: u32 = process.last_lines(2)[0].parse().expect("a process id");
    assert!(state(child).is_some());
    let status = process.kill().await.expect("reaped");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    assert_eq!(state(process.pid()), None);
    assert!(matches!(state(child), None | Some('Z')));
}

#[tokio::test]
async fn the_end_of_the_leader_is_the_end_of_its_children() {
    let supervisor = supervisor();
    let mut process =
        Process::spawn(&supervisor, &command("sleep 1000 & echo $!"), silent()).expect("started");
    assert!(process.wait().await.expect("ended").success());
    let child: u32 = process.last_lines(1)[0].parse().expect("a process id");
    assert!(matches!(state(child), None | Some('Z')));
}

#[tokio::test]
async fn a_term_is_polite_first() {
    let supervisor = supervisor();
    let polite = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done";
    let mut process = Process::spawn(&supervisor, &command(polite), silent()).expect("started");
    until_line(&process, "up").await;
    assert!(process.terminate(GRACE).await.expect("ended").success());
    assert_eq!(process.last_lines(1), ["bye"]);
    let deaf = "trap '' TERM; echo up; while :; do sleep 0.01; done";
    let mut process = Process::spawn(&supervisor, &command(deaf), silent()).expect("started");
    until_line(&process, "up").await;
    assert!(!process.terminate(Duration::from_millis(20)).await.expect("killed").success());
}

#[tokio::test]
async fn a_paused_process_stands_still_and_can_be_ended() {
    let supervisor = supervisor();
    let mut process = Process::spawn(&supervisor, &command("sleep 1000"), silent()).expect("started");
    process.pause();
    while state(process.pid()) != Some('T') {
        tokio::task::yield_now().await;
    }
    process.resume();
    while state(process.pid()) == Some('T') {
        tokio::task::yield_now().await;
    }
    process.pause();
    assert!(!process.terminate(GRACE).await.expect("ended").success());
}

#[tokio::test]
async fn a_flood_neither_blocks_nor_grows() {
    let supervisor = supervisor();
    let run = "head -c 50000000 /dev/zero | tr '\\0' 'x'; yes | head -n 1000000; echo; echo done";
    let mut process = Process::spawn(&supervisor, &command(run), silent()).expect("started");
    assert!(process.wait().await.expect("ended").success());
    let lines = process.last_lines(usize::MAX);
    assert_eq!((lines.len(), lines.last().map(String::as_str)), (200, Some("done")));
}

#[tokio::test]
async fn dropping_a_process_kills_it() {
    let supervisor = supervisor();
    let process = Process::spawn(&supervisor, &command("sleep 1000"), silent()).expect("started");
    let pid = process.pid();
    drop(process);
    while state(pid).is_some() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_start_and_a_kill_are_fast() {
    let supervisor = supervisor();
    let begin = Instant::now();
    for _ in 0..20 {
        let mut process = Process::spawn(&supervisor, &command("sleep 1000"), silent()).expect("started");
        process.kill().await.expect("killed");
    }
    println!("start and kill: {:?}", begin.elapsed() / 20);
}

async fn check_build(run: &str, expected: Result<(), &str>) {
    let supervisor = supervisor();
    let found = build(&supervisor, &command(run), silent()).await.map_err(|error| error.to_string());
    assert_eq!(found, expected.map_err(str::to_owned));
}

#[tokio::test]
async fn a_build_that_fails_shows_its_last_lines() {
    check_build("echo fine", Ok(())).await;
    check_build(
        "echo one; echo two; exit 7",
        Err("orders: `echo one; echo two; exit 7` failed (exit status: 7)\none\ntwo"),
    )
    .await;
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let supervisor = supervisor();
    let start = |run: &str| Process::spawn(&supervisor, &command(run), silent()).expect_err("refused");
    let missing = start("steadfast-has-no-such-program now");
    assert!(
        matches!(&missing, ProcessError::Start { program, .. } if program == "steadfast-has-no-such-program")
    );
    assert!(missing.to_string().contains("No such file"), "{missing}");
    assert_eq!(start("echo 'a").to_string(), "orders: `echo 'a` is not a command: a quote does not end");
    let elsewhere = ServiceCommand { directory: "/no/such/folder".into(), ..command("true") };
    let refused = Process::spawn(&supervisor, &elsewhere, silent()).expect_err("refused");
    assert!(refused.to_string().contains("/no/such/folder"), "{refused}");
}
