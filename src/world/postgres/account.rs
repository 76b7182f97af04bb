//! Who runs the server: ourselves, or, since Postgres refuses root, an account made for such things.

use std::path::Path;

use nix::unistd::{Gid, Uid, User};
use tokio::process::Command;

use super::PostgresError;

/// The account that owns the data folder and runs the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    pub uid: u32,
    gid: u32,
    /// Whether it is an account other than ours.
    borrowed: bool,
}

impl Account {
    /// Ourselves, unless we are root. `initdb` insists on a passwd entry, so a made-up uid will not do.
    pub fn choose() -> Result<Account, PostgresError> {
        let own = Uid::effective();
        if !own.is_root() {
            return Ok(Account { uid: own.as_raw(), gid: Gid::effective().as_raw(), borrowed: false });
        }
        let user = ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten());
        let user = user.ok_or(PostgresError::NoAccount)?;
        Ok(Account { uid: user.uid.as_raw(), gid: user.gid.as_raw(), borrowed: true })
    }

    /// Makes `command` run under this account.
    pub fn run(&self, command: &mut Command) {
        if self.borrowed {
            command.uid(self.uid).gid(self.gid);
        }
    }

    /// Gives this account a file or folder that we made.
    pub fn give(&self, path: &Path) -> Result<(), PostgresError> {
        if !self.borrowed {
            return Ok(());
        }
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
            .map_err(PostgresError::unreadable(path))
    }

    /// Whether this account can get to `path`: root's home, for one, is closed to others.
    pub fn reaches(&self, path: &Path) -> bool {
        use std::os::unix::fs::PermissionsExt;
        let open = |folder: &Path| {
            std::fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
        };
        !self.borrowed || path.canonicalize().is_ok_and(|path| path.ancestors().all(open))
    }
}
