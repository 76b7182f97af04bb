//! Nothing survives steadfast: not after a normal end, not after `kill -9`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use steadfast::adapter::process::{Process, ServiceCommand};
use steadfast::world::postgres::Server;
use steadfast::world::supervisor::Supervisor;

/// Set in the process that is to be killed.
const VICTIM: &str = "STEADFAST_TEST_VICTIM";

/// What must be gone in the end.
#[derive(Default)]
struct Left {
    pids: Vec<u32>,
    folders: Vec<String>,
}

impl Left {
    fn what(&self) -> Vec<String> {
        let pids = self.pids.iter().filter(|pid| runs(**pid)).map(|pid| format!("process {pid}"));
        let folders = self.folders.iter().filter(|folder| Path::new(folder).exists()).cloned();
        pids.chain(folders).collect()
    }

    fn is_nothing_soon(&self) {
        let limit = Instant::now() + Duration::from_secs(20);
        while !self.what().is_empty() {
            assert!(Instant::now() < limit, "still there: {:?}", self.what());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The fields of `/proc/PID/stat` after the name: state, parent, group, …
fn stat(pid: u32) -> Vec<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name.split_whitespace().map(str::to_owned).collect()
}

/// A zombie does not run; who reaps it is not our affair.
fn runs(pid: u32) -> bool {
    stat(pid).first().is_some_and(|state| state != "Z")
}

fn all_with(field: usize, value: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").expect("proc").flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| stat(*pid).get(field).is_some_and(|found| *found == value.to_string())).collect()
}

fn children_of(parent: u32) -> Vec<u32> {
    all_with(1, parent)
}

fn group_of(leader: u32) -> Vec<u32> {
    all_with(2, leader)
}

/// A shell with two children; all of them ignore what can be ignored.
async fn stubborn(supervisor: &Supervisor) -> Process {
    let service = ServiceCommand {
        name: "stubborn".to_owned(),
        run: "trap '' HUP INT TERM; (sleep 1000; true) & sleep 1000 & echo up; wait".to_owned(),
        ..ServiceCommand::default()
    };
    let process = Process::spawn(supervisor, &service, Arc::new(|_: &str| {})).expect("a service");
    // The inner shell may need a moment to start its sleep.
    while group_of(process.pid()).len() < 4 {
        tokio::task::yield_now().await;
    }
    process
}

/// Not a test of its own: what `nothing_survives_kill_9` starts and kills.
#[tokio::test]
async fn victim() {
    if std::env::var_os(VICTIM).is_none() {
        return;
    }
    let supervisor = Supervisor::start().expect("a supervisor");
    let folder = std::env::temp_dir().join(format!("steadfast test of {}", std::process::id()));
    supervisor.remove_at_end(&folder).expect("promised");
    std::fs::create_dir_all(folder.join("below")).expect("a folder");
    let before = children_of(std::process::id());
    let _server = Server::start(&supervisor).await.expect("a server");
    let postmaster = children_of(std::process::id()).into_iter().find(|pid| !before.contains(pid));
    let postmaster = postmaster.expect("the server is our child");
    let service = stubborn(&supervisor).await;
    let data = std::fs::read_link(format!("/proc/{postmaster}/cwd")).expect("it runs in its data folder");
    let mut pids = vec![supervisor.pid().expect("it runs"), postmaster];
    pids.extend(children_of(postmaster));
    pids.extend(group_of(service.pid()));
    for pid in pids {
        println!("pid {pid}");
    }
    println!("folder {}", folder.display());
    println!("folder {}", data.parent().expect("not the root").display());
    println!("ready");
    std::future::pending::<()>().await;
}

#[test]
fn nothing_survives_kill_9() {
    let own = std::env::current_exe().expect("this test");
    let mut victim = Command::new(own)
        .args(["--exact", "victim", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut left = Left::default();
    for line in BufReader::new(victim.stdout.take().expect("piped")).lines() {
        let line = line.expect("text");
        match line.split_once(' ') {
            Some(("pid", pid)) => left.pids.push(pid.parse().expect("a number")),
            Some(("folder", folder)) => left.folders.push(folder.to_owned()),
            _ if line == "ready" => break,
            _ => {}
        }
    }
    assert!(left.pids.len() >= 10 && left.folders.len() == 2, "the victim was not ready");
    assert_eq!(left.what().len(), left.pids.len() + left.folders.len(), "all of it is there at first");
    victim.kill().expect("kill -9");
    victim.wait().expect("reaped");
    left.is_nothing_soon();
}

#[tokio::test]
async fn a_normal_end_waits_until_all_is_gone() {
    let supervisor = Supervisor::start().expect("a supervisor");
    let folder = tempfile::tempdir().expect("a folder").keep();
    supervisor.remove_at_end(&folder).expect("promised");
    let kept = tempfile::tempdir().expect("a folder");
    supervisor.remove_at_end(kept.path()).expect("promised");
    supervisor.removed(kept.path()).expect("taken back");
    let service = stubborn(&supervisor).await;
    let pids = group_of(service.pid());
    supervisor.end().await.expect("ended");
    assert!(!folder.exists() && kept.path().exists());
    Left { pids, folders: Vec::new() }.is_nothing_soon();
}

#[tokio::test]
async fn without_a_supervisor_nothing_runs() {
    let supervisor = Supervisor::start().expect("a supervisor");
    supervisor.end().await.expect("ended");
    let marker = tempfile::tempdir().expect("a folder");
    let file = marker.path().join("was here");
    if let Ok(mut child) = supervisor.command("touch").arg(&file).spawn() {
        assert!(!child.wait().await.expect("reaped").success());
    }
    assert!(!file.exists());
}

#[tokio::test]
async fn what_was_forgotten_is_left_alone() {
    let supervisor = Supervisor::start().expect("a supervisor");
    let mut sleeper = supervisor.command("sleep").arg("1000").spawn().expect("started");
    let mut other = supervisor.command("sleep").arg("1000").spawn().expect("started");
    supervisor.forget(sleeper.id().expect("it runs")).expect("forgotten");
    supervisor.end().await.expect("ended");
    assert!(!other.wait().await.expect("reaped").success());
    assert!(matches!(sleeper.try_wait(), Ok(None)));
    sleeper.kill().await.expect("killed");
}

#[tokio::test]
async fn dropping_the_last_handle_ends_everything() {
    let supervisor = Supervisor::start().expect("a supervisor");
    let folder = tempfile::tempdir().expect("a folder").keep();
    supervisor.remove_at_end(&folder).expect("promised");
    let left =
        Left { pids: vec![supervisor.pid().expect("it runs")], folders: vec![folder.display().to_string()] };
    drop(supervisor.clone());
    assert!(folder.exists());
    drop(supervisor);
    left.is_nothing_soon();
}
