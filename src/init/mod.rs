//! A first spec for a project: looks at what is there, and writes down what it makes of it.
//!
//! ```text
//! files ── folder ──▶ manifests, settings, sources, tables ── project ──▶ Found ── draft ──▶ a spec, and its schema
//! ```
//!
//! It runs nothing, asks nobody and writes no file; what it guesses it says in a comment, so that whoever reads the spec
//! knows what to look at. A guess that is wrong costs a line to change, so it guesses rather than give up.

mod addresses;
mod draft;
mod folder;
mod manifests;
mod operation;
mod project;
mod settings;
mod sources;
mod tables;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use draft::Draft;
pub use project::{Found, Service};

/// Why there is nothing to write.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotFound {
    /// No service.
    #[error(
        "no service was found here: no package.json, go.mod, Cargo.toml, pom.xml (other than a parent's, of packaging pom), \
         build.gradle, pyproject.toml or requirements.txt in this folder or the two levels below it. Run it in the folder of your project, name that \
         folder (`steadfast init FOLDER`), or say what starts the service: `steadfast init --run 'java -jar app.jar'`"
    )]
    Service,
    /// A service, and nothing that it talks to.
    #[error(
        "nothing was found that the services talk to: no variable for a Kafka or Postgres address (KAFKA_BROKERS, \
         DATABASE_URL and the like), and no setting of Spring's. A service that has its addresses in its code cannot be \
         given others; let it read them from its environment"
    )]
    Addresses,
}

/// Looks at the project in a folder.
///
/// # Errors
/// There is nothing that a spec could be about.
pub fn look(folder: &Path) -> Result<Found, NotFound> {
    project::find(folder, &folder::read(folder))
}

/// The same, where the folder is that of one service that this command starts, whatever files are in it. Where nothing
/// tells by which variables it is given addresses, the usual names are assumed, and the spec says so.
pub fn look_at_service(folder: &Path, run: &str) -> Found {
    project::of_one(folder, &folder::read(folder), run)
}

/// The spec for what was found.
pub fn draft(found: &Found) -> Draft {
    draft::write(found)
}
