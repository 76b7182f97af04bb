//! However steadfast ends, nothing of it stays behind: no process, no listening socket, no data folder, no
//! shared memory.

mod project;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use project::Project;

/// In the environment of steadfast, and so of everything that it starts.
const MARK: &str = "STEADFAST_TEST_MARK";
/// How long all may take to be gone; a Postgres that is killed with its backends needs a moment.
const SOON: Duration = Duration::from_secs(30);

/// What steadfast has started, seen while it runs.
struct Seen {
    mark: String,
    /// Process id and start time, so that a number that was given out again is not mistaken.
    processes: BTreeSet<(u32, String)>,
    ports: BTreeSet<String>,
    folders: BTreeSet<PathBuf>,
    shared_memory: BTreeSet<String>,
}

impl Seen {
    fn by(steadfast: &Child, mark: &str) -> Seen {
        let mut pids = marked(mark);
        pids.push(steadfast.id());
        // Postgres writes its title over its environment, so its processes are known by their parent.
        let mut next = 0;
        while next < pids.len() {
            let children = all_processes().into_iter().filter(|pid| parent(*pid) == Some(pids[next]));
            let new: Vec<u32> = children.filter(|pid| !pids.contains(pid)).collect();
            pids.extend(new);
            next += 1;
        }
        let of_ours =
            |fields: &[&str]| fields.get(4).is_some_and(|pid| pids.iter().any(|p| p.to_string() == *pid));
        let memory = table("/proc/sysvipc/shm");
        Seen {
            mark: mark.to_owned(),
            processes: pids.iter().filter_map(|pid| Some((*pid, started(*pid)?))).collect(),
            ports: listening(&pids),
            folders: pids.iter().filter_map(|pid| data_folder(*pid)).collect(),
            shared_memory: memory
                .iter()
                .map(|line| line.split_whitespace().collect::<Vec<_>>())
                .filter(|fields| of_ours(fields))
                .map(|fields| fields[1].to_owned())
                .collect(),
        }
    }

    /// Everything that is still there.
    fn left(&self) -> Vec<String> {
        let mut left: Vec<String> = marked(&self.mark).into_iter().map(describe).collect();
        let same = |(pid, start): &&(u32, String)| started(*pid).as_ref() == Some(start);
        left.extend(self.processes.iter().filter(same).map(|(pid, _)| describe(*pid)));
        let open: BTreeSet<String> = sockets().into_iter().map(|(port, _)| port).collect();
        left.extend(self.ports.intersection(&open).map(|port| format!("port {port}")));
        left.extend(self.folders.iter().filter(|folder| folder.exists()).map(|f| f.display().to_string()));
        let memory = table("/proc/sysvipc/shm");
        let ids: BTreeSet<&str> = memory.iter().filter_map(|line| line.split_whitespace().nth(1)).collect();
        let stays = self.shared_memory.iter().filter(|id| ids.contains(id.as_str()));
        left.extend(stays.map(|id| format!("shared memory {id}")));
        left
    }

    #[track_caller]
    fn is_gone_soon(&self) {
        let limit = Instant::now() + SOON;
        while !self.left().is_empty() {
            assert!(Instant::now() < limit, "still there: {:#?}", self.left());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn all_processes() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The fields of its `stat` after the name; none of a zombie, which only waits to be reaped by someone else.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<String> = stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect();
    (fields.first()? != "Z").then_some(fields)
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

fn started(pid: u32) -> Option<String> {
    stat(pid)?.get(19).cloned()
}

fn describe(pid: u32) -> String {
    let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    format!("process {pid}: {}", command.replace('\0', " "))
}

/// Processes that inherited the mark.
fn marked(mark: &str) -> Vec<u32> {
    let wanted = format!("{MARK}={mark}");
    let has = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        stat(*pid).is_some() && environment.split(|byte| *byte == 0).any(|one| one == wanted.as_bytes())
    };
    all_processes().into_iter().filter(has).collect()
}

fn table(file: &str) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().lines().skip(1).map(str::to_owned).collect()
}

/// Every listening TCP socket: its port, in hexadecimal, and its inode.
fn sockets() -> Vec<(String, String)> {
    let lines = [table("/proc/net/tcp"), table("/proc/net/tcp6")].concat();
    let listening = |line: &String| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let port = fields.get(1)?.rsplit_once(':')?.1;
        (*fields.get(3)? == "0A").then(|| Some((port.to_owned(), (*fields.get(9)?).to_owned())))?
    };
    lines.iter().filter_map(listening).collect()
}

fn listening(pids: &[u32]) -> BTreeSet<String> {
    let files = pids.iter().filter_map(|pid| std::fs::read_dir(format!("/proc/{pid}/fd")).ok()).flatten();
    let names = files.flatten().filter_map(|file| std::fs::read_link(file.path()).ok());
    let open: BTreeSet<String> = names.map(|name| name.display().to_string()).collect();
    let ours = |inode: &str| open.contains(&format!("socket:[{inode}]"));
    sockets().into_iter().filter(|(_, inode)| ours(inode)).map(|(port, _)| port).collect()
}

/// A Postgres server runs in its data folder, which lies in one of ours.
fn data_folder(pid: u32) -> Option<PathBuf> {
    let folder = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    let ours = |part: &Path| {
        part.file_name().is_some_and(|n| n.to_string_lossy().starts_with("steadfast-postgres-"))
    };
    folder.ancestors().find(|part| ours(part)).map(Path::to_path_buf)
}

/// Runs steadfast until it has printed `until`, then does something to it. Its exit code, -1 after a signal.
#[track_caller]
fn check(arguments: &str, until: &str, act: impl FnOnce(&Child)) -> i32 {
    check_in(&Project::checkout(), arguments, until, act).0
}

/// The same in a folder that one can look into; also all that it printed.
#[track_caller]
fn check_in(project: &Project, arguments: &str, until: &str, act: impl FnOnce(&Child)) -> (i32, String) {
    let mark = project.path().display().to_string();
    let plain = project.command(arguments);
    // Whoever started the tests may have told them to ignore that the terminal goes away; a shell would not.
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP").arg(plain.get_program()).args(plain.get_args());
    command.current_dir(plain.get_current_dir().expect("a folder"));
    for (name, _) in plain.get_envs() {
        command.env_remove(name);
    }
    // As from an interactive shell: a group of its own, which a Ctrl-C reaches as a whole.
    command.env(MARK, &mark).process_group(0);
    // Both streams in one, so that a line is seen whichever of them it is on.
    let (lines, both) = std::io::pipe().expect("a pipe");
    command.stdout(both.try_clone().expect("a pipe")).stderr(both);
    let mut steadfast = command.spawn().expect("started");
    drop(command);
    let mut lines = BufReader::new(lines);
    let mut printed = String::new();
    while !printed.contains(until) {
        assert!(lines.read_line(&mut printed).expect("text") > 0, "it ended without `{until}`: {printed}");
    }
    let seen = Seen::by(&steadfast, &mark);
    // The supervisor, three services and Postgres; broker, seams, services and Postgres listen.
    assert!(seen.processes.len() > 5 && seen.ports.len() > 5, "{:?} {:?}", seen.processes, seen.ports);
    assert_eq!((seen.folders.len(), seen.shared_memory.is_empty()), (1, false), "{:?}", seen.folders);
    act(&steadfast);
    lines.read_to_string(&mut printed).expect("text");
    let status = steadfast.wait().expect("reaped");
    assert!(!printed.contains("panicked"), "{printed}");
    seen.is_gone_soon();
    (status.code().unwrap_or(-1), printed)
}

fn kill(signal: &str, target: String) {
    let sent = Command::new("kill").args([signal, "--", &target]).status().expect("kill runs");
    assert!(sent.success());
}

const SEARCHING: &str = "run specs/checkout.yaml --variant repaired --cases 100000";
const IN_SEARCH: &str = "3 services";
const SHRINKING: &str = "run specs/checkout.yaml --variant naive --seed 1 --reproduce 1000000";
const IN_SHRINKING: &str = "confirming and shrinking";

#[test]
fn after_a_run_that_held() {
    assert_eq!(check("run specs/checkout.yaml --variant repaired --cases 2", IN_SEARCH, |_| ()), 0);
}

#[test]
fn after_a_violation() {
    assert_eq!(check("run specs/checkout.yaml --variant naive --seed 1 --reproduce 1", IN_SEARCH, |_| ()), 0);
}

#[test]
fn after_an_interrupt_of_steadfast() {
    assert_eq!(check(SEARCHING, IN_SEARCH, |child| kill("-INT", child.id().to_string())), 130);
}

#[test]
fn after_an_interrupt_of_the_whole_group() {
    let project = Project::checkout();
    let case = ".steadfast/checkout/naive/no-double-charge.yaml";
    let interrupt = |child: &Child| {
        // As soon as there is something to be told of.
        let limit = Instant::now() + SOON;
        while !project.path().join(case).exists() {
            assert!(Instant::now() < limit, "no case is kept");
            std::thread::sleep(Duration::from_millis(5));
        }
        kill("-INT", format!("-{}", child.id()));
    };
    let (code, printed) = check_in(&project, SHRINKING, IN_SHRINKING, interrupt);
    assert_eq!(code, 130);
    for told in [
        "no double charge was violated",
        &format!("steadfast shrink {case}"),
        &format!("steadfast replay {case}"),
    ] {
        assert!(printed.contains(told), "{told}: {printed}");
    }
}

#[test]
fn after_a_second_interrupt() {
    let twice = |child: &Child| {
        kill("-INT", child.id().to_string());
        kill("-INT", child.id().to_string());
    };
    assert_eq!(check(SEARCHING, IN_SEARCH, twice), 130);
}

#[test]
fn after_sigterm() {
    assert_eq!(check(SEARCHING, IN_SEARCH, |child| kill("-TERM", child.id().to_string())), 130);
}

#[test]
fn after_the_terminal_went_away() {
    let code = check(SEARCHING, IN_SEARCH, |child| kill("-HUP", format!("-{}", child.id())));
    assert!(matches!(code, 130 | -1), "{code}");
}

#[test]
fn after_kill_9_in_the_search() {
    assert_eq!(check(SEARCHING, IN_SEARCH, |child| kill("-KILL", child.id().to_string())), -1);
}

#[test]
fn after_kill_9_while_shrinking() {
    assert_eq!(check(SHRINKING, IN_SHRINKING, |child| kill("-KILL", child.id().to_string())), -1);
}
