//! The files of a project, as far as they can tell anything.

use std::fs;
use std::path::{Path, PathBuf};

/// Deeper than the sources of a Maven module.
const MOST_LEVELS: usize = 12;
const MOST_FILES: usize = 5_000;
/// Larger files are data.
const LARGEST: u64 = 512 * 1024;

/// What is built, fetched or tested, and not the project itself.
const PASSED_OVER: &[&str] = &[
    "node_modules",
    "target",
    "dist",
    "build",
    "vendor",
    "venv",
    "__pycache__",
    "test",
    "tests",
    "__tests__",
    "specs",
    "testdata",
    "docs",
];

/// Files without one of these ends tell nothing.
const ENDS: &[&str] = &[
    "rs",
    "go",
    "py",
    "js",
    "mjs",
    "cjs",
    "ts",
    "java",
    "kt",
    "sql",
    "yml",
    "yaml",
    "json",
    "toml",
    "xml",
    "gradle",
    "kts",
    "properties",
    "mod",
    "txt",
];

/// A file and what it holds.
#[derive(Debug)]
pub(super) struct File {
    /// From the folder of the project, with `/` between.
    pub path: String,
    pub text: String,
}

impl File {
    /// Its name without folders.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Its folder; empty for that of the project.
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// What its name ends in.
    pub fn end(&self) -> &str {
        self.name().rsplit_once('.').map_or("", |(_, end)| end)
    }
}

/// All files that may tell something, by path.
pub(super) fn read(folder: &Path) -> Vec<File> {
    let mut files = Vec::new();
    walk(folder, folder, 0, &mut files);
    files.sort_by(|one: &File, other| one.path.cmp(&other.path));
    files
}

fn walk(top: &Path, folder: &Path, level: usize, files: &mut Vec<File>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Links may lead anywhere, and in circles.
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let is_env = name == ".env" || name.starts_with(".env.");
        if metadata.is_dir() {
            let is_wanted = !name.starts_with('.') && !PASSED_OVER.contains(&name.as_str());
            if is_wanted && level < MOST_LEVELS {
                walk(top, &path, level + 1, files);
            }
        } else if metadata.is_file() && metadata.len() <= LARGEST && files.len() < MOST_FILES {
            let end = name.rsplit_once('.').map_or("", |(_, end)| end);
            let is_wanted = is_env || ENDS.contains(&end);
            let relative = path.strip_prefix(top).ok().and_then(Path::to_str);
            if let (true, Some(relative), Ok(text)) = (is_wanted, relative, fs::read_to_string(&path)) {
                files.push(File { path: relative.to_owned(), text });
            }
        }
    }
}
