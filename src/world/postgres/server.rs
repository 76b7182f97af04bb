//! One Postgres server: a copy of the template, a free port, a child process that never outlives us.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use crate::world::supervisor::{Ending, Supervisor};

use super::account::Account;
use super::binaries::Binaries;
use super::template::{Template, private_folder, quiet, random_hex};
use super::{Access, PostgresError};

/// Below this many free bytes in memory the data goes to the temporary folder.
const ROOM_IN_MEMORY: u64 = 512 * 1024 * 1024;
/// How long a server may take until it accepts connections; on an idle machine it is 30 ms.
const START_LIMIT: Duration = Duration::from_secs(60);
/// What the names of data folders begin with.
pub(in crate::world) const DATA_FOLDER: &str = "steadfast-postgres-";
/// Bytes of the path of a folder in which a socket may be, on any system: 104 less its name there.
const LONGEST_OF_A_SOCKET: usize = 88;
const POLL: Duration = Duration::from_millis(2);
const PORT_ATTEMPTS: usize = 8;

/// A running server. Dropping it ends it; [`Server::stop`] also waits until it is gone.
#[derive(Debug)]
pub struct Server {
    supervisor: Supervisor,
    binaries: Binaries,
    account: Account,
    folder: PathBuf,
    port: u16,
    /// Where its Unix socket is, if it has one.
    sockets: Option<PathBuf>,
    password: String,
    process: Option<Child>,
}

impl Server {
    /// Starts a server on a free port of the loopback interface.
    ///
    /// # Errors
    /// When no binaries are found, no account may run them, or the server does not become ready; then the last lines
    /// of its log are in the error.
    pub async fn start(supervisor: &Supervisor) -> Result<Server, PostgresError> {
        let account = Account::choose()?;
        let binaries = Binaries::find(account).await?;
        let template = Template::ensure(supervisor, &binaries, account).await?;
        let folder = data_home().join(format!("{DATA_FOLDER}{}", random_hex(8)?));
        supervisor.remove_at_end(&folder).map_err(PostgresError::unreadable(&folder))?;
        private_folder(&folder, account)?;
        copy(supervisor, account, &template.data, &folder.join("data")).await?;
        let mut server = Server {
            supervisor: supervisor.clone(),
            binaries,
            account,
            sockets: socket_folder(&folder),
            folder,
            port: 0,
            password: template.password,
            process: None,
        };
        server.start_on_a_free_port().await?;
        Ok(server)
    }

    /// Where it listens; always on 127.0.0.1.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// How it is reached.
    pub fn access(&self) -> Access {
        Access::local((Ipv4Addr::LOCALHOST, self.port).into(), &self.password, self.sockets.as_deref())
    }

    /// Whether the server process still runs.
    pub fn is_alive(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| matches!(process.try_wait(), Ok(None)))
    }

    /// Ends the server as a crash would (SIGQUIT: no clean-up, recovery at the next start) and starts it again on the
    /// same data and port. What was committed is still there.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn restart(&mut self) -> Result<(), PostgresError> {
        self.end_process().await?;
        self.launch()?;
        self.until_ready().await
    }

    /// Ends the server, waits until it is gone and removes its data.
    ///
    /// # Errors
    /// When the process cannot be waited for or the data cannot be removed.
    pub async fn stop(mut self) -> Result<(), PostgresError> {
        self.end_process().await?;
        remove_folder(&self.supervisor, std::mem::take(&mut self.folder)).await
    }

    /// The port is free when we look; if someone takes it before the server does, another one is tried.
    async fn start_on_a_free_port(&mut self) -> Result<(), PostgresError> {
        let mut attempt = 1;
        loop {
            self.port = free_port().map_err(PostgresError::io("no free port on 127.0.0.1"))?;
            self.launch()?;
            match self.until_ready().await {
                // Not every file system can have one.
                Err(PostgresError::Failed { output, .. })
                    if output.contains("Unix-domain socket") && self.sockets.take().is_some() => {}
                Err(PostgresError::Failed { output, .. })
                    if output.contains("could not bind") && attempt < PORT_ATTEMPTS =>
                {
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    fn launch(&mut self) -> Result<(), PostgresError> {
        let doing = || PostgresError::io("cannot start the Postgres server");
        let log = File::create(self.log()).map_err(doing())?;
        let program = self.binaries.program("postgres");
        let mut command = self.supervisor.command_ended_by(program, Ending::Quit);
        quiet(&mut command);
        command.arg("-D").arg(self.folder.join("data")).args(flags(self.port, self.sockets.as_deref()));
        command.stdout(log.try_clone().map_err(doing())?).stderr(log);
        self.account.run(&mut command);
        self.process = Some(command.spawn().map_err(doing())?);
        Ok(())
    }

    /// The server writes `ready` into its pid file; trying to connect instead would fill its log with refusals.
    async fn until_ready(&mut self) -> Result<(), PostgresError> {
        let pid_file = self.folder.join("data/postmaster.pid");
        let ready = async {
            loop {
                let exited = match self.process.as_mut() {
                    Some(process) => process.try_wait().ok().flatten(),
                    None => None,
                };
                if exited.is_some() {
                    return exited;
                }
                let text = tokio::fs::read_to_string(&pid_file).await.unwrap_or_default();
                if says_ready(&text, self.process.as_ref().and_then(Child::id)) {
                    return None;
                }
                tokio::time::sleep(POLL).await;
            }
        };
        let what = match tokio::time::timeout(START_LIMIT, ready).await {
            Ok(None) => return Ok(()),
            Ok(Some(status)) => format!("the Postgres server ended while starting ({status})"),
            Err(_) => format!("the Postgres server was not ready within {} s", START_LIMIT.as_secs()),
        };
        self.end_process().await?;
        Err(PostgresError::Failed { what, output: last_lines(&self.log(), 20) })
    }

    async fn end_process(&mut self) -> Result<(), PostgresError> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let pid = process.id();
        signal_quit(pid);
        process.wait().await.map_err(PostgresError::io("cannot wait for the Postgres server"))?;
        forget(&self.supervisor, pid);
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }
}

impl Drop for Server {
    /// Without a runtime the supervisor does the rest at its end.
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let pid = process.id();
        signal_quit(pid);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (supervisor, folder) = (self.supervisor.clone(), std::mem::take(&mut self.folder));
        runtime.spawn(async move {
            if process.wait().await.is_ok() {
                forget(&supervisor, pid);
                let _ = remove_folder(&supervisor, folder).await;
            }
        });
    }
}

/// Runs a program to its end; a failure quotes the last lines that it wrote.
pub(super) async fn run_to_end(
    supervisor: &Supervisor,
    mut command: Command,
    failure: &str,
) -> Result<(), PostgresError> {
    quiet(&mut command);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).kill_on_drop(true);
    let child = command.spawn().map_err(PostgresError::io(failure))?;
    let pid = child.id();
    let output = child.wait_with_output().await.map_err(PostgresError::io(failure))?;
    forget(supervisor, pid);
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(PostgresError::Failed {
        what: format!("{failure} ({})", ExitStatus::clone(&output.status)),
        output: tail(&String::from_utf8_lossy(&text), 20),
    })
}

fn flags(port: u16, sockets: Option<&Path>) -> Vec<String> {
    let sockets = sockets.unwrap_or(Path::new(""));
    let settings = [
        // The data is thrown away, so it need not survive a power cut. `synchronous_commit` stays on: without it
        // a commit reaches the logical slot only after 200 ms.
        "fsync=off",
        "full_page_writes=off",
        "synchronous_commit=on",
        "wal_level=logical",
        "max_wal_size=1GB",
        "max_replication_slots=64",
        "max_wal_senders=64",
        "max_connections=300",
        "shared_buffers=64MB",
        // Files in the data folder instead of POSIX shared memory, which nobody removes after a kill -9.
        "dynamic_shared_memory_type=mmap",
        "jit=off",
        // On, and often: a reset leaves dead rows behind, and a campaign resets thousands of times.
        "autovacuum_naptime=10s",
        "listen_addresses=127.0.0.1",
        "timezone=UTC",
        "log_timezone=UTC",
        "lc_messages=C",
    ];
    let settings = settings
        .into_iter()
        .map(str::to_owned)
        .chain([format!("port={port}"), format!("unix_socket_directories={}", sockets.display())]);
    settings.flat_map(|setting| ["-c".to_owned(), setting]).collect()
}

/// This folder, if a socket can be in it: paths of sockets are short, and commas or quotes would make a list of it.
fn socket_folder(folder: &Path) -> Option<PathBuf> {
    let text = folder.to_str()?;
    (text.len() <= LONGEST_OF_A_SOCKET && !text.contains([',', '"', ' '])).then(|| folder.to_owned())
}

async fn copy(
    supervisor: &Supervisor,
    account: Account,
    from: &Path,
    to: &Path,
) -> Result<(), PostgresError> {
    // By the account itself, so that every file belongs to it.
    let mut command = supervisor.command("cp");
    command.arg("-Rp").arg(from).arg(to);
    account.run(&mut command);
    run_to_end(supervisor, command, "cannot copy the database template").await
}

async fn remove_folder(supervisor: &Supervisor, folder: PathBuf) -> Result<(), PostgresError> {
    let unreadable = PostgresError::unreadable(&folder);
    tokio::fs::remove_dir_all(&folder).await.map_err(unreadable)?;
    // If the supervisor is gone, so is its promise.
    let _ = supervisor.removed(&folder);
    Ok(())
}

/// Memory if there is enough of it, else the temporary folder.
#[allow(clippy::useless_conversion, reason = "these numbers are narrower on macOS")]
fn data_home() -> PathBuf {
    let [memory, temporary] = data_homes();
    let room = nix::sys::statvfs::statvfs(&memory)
        .map_or(0, |found| u64::from(found.blocks_available()) * u64::from(found.fragment_size()));
    if room >= ROOM_IN_MEMORY { memory } else { temporary }
}

/// Where data folders may be.
pub(in crate::world) fn data_homes() -> [PathBuf; 2] {
    [PathBuf::from("/dev/shm"), std::env::temp_dir()]
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn signal_quit(pid: Option<u32>) {
    if let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()) {
        // A stopped server cannot act on it. Gone already is fine.
        let _ = kill(Pid::from_raw(pid), Signal::SIGQUIT);
        let _ = kill(Pid::from_raw(pid), Signal::SIGCONT);
    }
}

fn forget(supervisor: &Supervisor, pid: Option<u32>) {
    if let Some(pid) = pid {
        // If the supervisor is gone it holds no promise to take back.
        let _ = supervisor.forget(pid);
    }
}

/// The first line is the process, the eighth its state; a file of an earlier process does not count.
fn says_ready(pid_file: &str, pid: Option<u32>) -> bool {
    let mut lines = pid_file.lines().map(str::trim);
    lines.next().and_then(|line| line.parse().ok()) == pid && lines.nth(6) == Some("ready")
}

fn last_lines(file: &Path, lines: usize) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(file)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(16 * 1024)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().map_or_else(|problem| format!("(its log cannot be read: {problem})"), |text| tail(&text, lines))
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
