//! The cached result of `initdb`: made once per version and flags, then copied for every server.
//!
//! Two runs may want it at the same moment: each makes its own and renames it into place; the first one wins
//! and the other uses that.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::world::supervisor::Supervisor;

use super::PostgresError;
use super::account::Account;
use super::binaries::Binaries;

/// Part of the key: raise it when the flags of `initdb` below change.
const FLAGS_VERSION: u32 = 1;

/// Where templates are kept instead of `/var/tmp`.
const CONFIGURED_CACHE: &str = "STEADFAST_CACHE";

/// A finished cluster that no server has ever run in.
#[derive(Debug)]
pub struct Template {
    /// To be copied.
    pub data: PathBuf,
    /// Of the superuser. It stays on this machine, in files that only the owner may read.
    pub password: String,
}

impl Template {
    /// The cached template, made now if it is not there yet (about half a second).
    pub async fn ensure(
        supervisor: &Supervisor,
        binaries: &Binaries,
        account: Account,
    ) -> Result<Template, PostgresError> {
        let cache = cache_folder(account)?;
        let key: String =
            binaries.version.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        // Two builds of one version need not fit each other's files.
        let build = crc32c::crc32c(binaries.program("initdb").as_os_str().as_encoded_bytes());
        let place = cache.join(format!("{key}-{build:08x}-flags{FLAGS_VERSION}"));
        if let Some(template) = Template::open(&place) {
            return Ok(template);
        }
        let draft = cache.join(format!("draft-{}", random_hex(8)?));
        let removable = PostgresError::unreadable(&draft);
        supervisor.remove_at_end(&draft).map_err(removable)?;
        make(supervisor, binaries, account, &draft).await?;
        // Renaming onto a finished template fails, and then that one is as good.
        let renamed = fs::rename(&draft, &place);
        if renamed.is_err() {
            // Else the supervisor removes it at the end.
            let _ = fs::remove_dir_all(&draft);
        }
        if let Err(problem) = renamed
            && Template::open(&place).is_none()
        {
            return Err(PostgresError::unreadable(&place)(problem));
        }
        Template::open(&place).ok_or_else(|| PostgresError::Failed {
            what: format!("the template {} is not complete", place.display()),
            output: String::new(),
        })
    }

    fn open(place: &Path) -> Option<Template> {
        let password = fs::read_to_string(place.join("password")).ok()?;
        let data = place.join("data");
        data.join("PG_VERSION").is_file().then_some(Template { data, password })
    }
}

async fn make(
    supervisor: &Supervisor,
    binaries: &Binaries,
    account: Account,
    draft: &Path,
) -> Result<(), PostgresError> {
    private_folder(draft, account)?;
    let password = random_hex(24)?;
    let password_file = draft.join("password");
    let write = || -> std::io::Result<()> {
        use std::io::Write;
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&password_file)?;
        file.write_all(password.as_bytes())
    };
    write().map_err(PostgresError::unreadable(&password_file))?;
    account.give(&password_file)?;

    let mut command = supervisor.command(binaries.program("initdb"));
    // A password costs a few milliseconds per connection, and keeps other users of the machine from becoming us:
    // a superuser of Postgres may start programs.
    command
        .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
        // Small segments: the template stays small and is copied faster.
        .arg("--wal-segsize=1")
        .arg(format!("--pwfile={}", password_file.display()))
        .arg("-D")
        .arg(draft.join("data"));
    account.run(&mut command);
    super::server::run_to_end(supervisor, command, "initdb could not make a database cluster").await
}

/// `/var/tmp` rather than a home: root's home is closed to the account that runs the server. A name in a folder
/// that all may write to can be taken by someone else first, so its owner is checked.
fn cache_folder(account: Account) -> Result<PathBuf, PostgresError> {
    let configured = std::env::var_os(CONFIGURED_CACHE).map(PathBuf::from);
    let shared = Some(PathBuf::from("/var/tmp")).filter(|folder| folder.is_dir());
    let base = configured.or(shared).unwrap_or_else(std::env::temp_dir);
    let folder = base.join(format!("steadfast-{}", account.uid));
    if !folder.exists()
        && let Err(problem) = private_folder(&folder, account)
        && !folder.exists()
    {
        return Err(problem);
    }
    let metadata = fs::symlink_metadata(&folder).map_err(PostgresError::unreadable(&folder))?;
    // A run that was just ahead of us may not have given it away yet, hence root.
    let ours = metadata.uid() == account.uid || metadata.uid() == nix::unistd::Uid::effective().as_raw();
    if !metadata.is_dir() || !ours || metadata.mode() & 0o022 != 0 {
        return Err(PostgresError::Failed {
            what: format!(
                "will not use {}: it belongs to someone else, or others may write to it",
                folder.display()
            ),
            output: String::new(),
        });
    }
    Ok(folder)
}

/// A folder that only `account` may enter.
pub fn private_folder(folder: &Path, account: Account) -> Result<(), PostgresError> {
    fs::DirBuilder::new().mode(0o700).create(folder).map_err(PostgresError::unreadable(folder))?;
    account.give(folder)
}

/// Nothing of our surroundings may show in what the program does: no terminal, language, time zone or folder.
pub fn quiet(command: &mut tokio::process::Command) {
    command.stdin(Stdio::null()).env("LC_ALL", "C").env("TZ", "UTC").current_dir("/");
}

/// Unguessable, for names and passwords; nothing that a case does depends on it.
pub fn random_hex(bytes: usize) -> Result<String, PostgresError> {
    let mut buffer = vec![0u8; bytes];
    let mut source = fs::File::open("/dev/urandom").map_err(PostgresError::io("cannot open /dev/urandom"))?;
    source.read_exact(&mut buffer).map_err(PostgresError::io("cannot read /dev/urandom"))?;
    Ok(buffer.iter().map(|byte| format!("{byte:02x}")).collect())
}
