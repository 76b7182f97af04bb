//! What can be asked of a whole spec.

use std::path::{Path, PathBuf};

use super::{Service, Spec};
use crate::fault::{Rule, Target};

impl Spec {
    /// The spec files in a folder (`*.yaml`, `*.yml`), by name; empty if it cannot be read.
    pub fn files_in(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        files.retain(|path| {
            path.is_file() && path.extension().is_some_and(|end| end == "yaml" || end == "yml")
        });
        files.sort();
        files
    }

    /// Whether it cannot do without a Kafka broker.
    pub fn needs_kafka(&self) -> bool {
        !self.topics.is_empty() || self.services.values().any(Service::uses_kafka)
    }

    /// What may go wrong in a variant.
    pub fn faults_of(&self, variant: Option<&str>) -> &[Rule] {
        let own = variant.and_then(|name| self.variants.get(name)?.faults.as_deref());
        own.unwrap_or(&self.faults)
    }

    /// The schema file of a database in a variant.
    pub fn schema_of(&self, variant: Option<&str>, database: &str) -> Option<&Path> {
        let own = variant.and_then(|name| self.variants.get(name)?.schemas.get(database));
        own.or_else(|| self.databases.get(database)?.schema.as_ref()).map(PathBuf::as_path)
    }

    /// What may go wrong in any variant: a case of one of them can be replayed in another.
    pub fn all_faults(&self) -> impl Iterator<Item = &Rule> {
        let of_variants = self.variants.values().filter_map(|variant| variant.faults.as_ref());
        self.faults.iter().chain(of_variants.flatten())
    }

    /// Whether a fault names a service as one that reads a topic.
    pub fn is_named_reader(&self, name: &str) -> bool {
        self.all_faults()
            .any(|rule| matches!(&rule.target, Target::Delivery { service, .. } if service == name))
    }

    /// The folder that relative files of the spec start from.
    pub fn folder(&self) -> &Path {
        self.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }
}
