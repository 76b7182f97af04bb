//! The specs of the project in every variant, as tests; those with a number are those of the catalogue (`catalogue.rs`).

use std::path::Path;
use std::process::ExitCode;

use steadfast::trials::{Search, trials};

fn main() -> ExitCode {
    let mut arguments = libtest_mimic::Arguments::from_args();
    // Each trial has a world of its own, which waits more than it works; the machines that run this have two cores.
    arguments.test_threads.get_or_insert(3);
    // The specs name the services by paths that start at the root of the workspace.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if let Err(error) = std::env::set_current_dir(&root) {
        panic!("{} cannot be entered: {error}", root.display());
    }
    let search = Search { cases: Some(60), reproduce: 3, ..Search::default() };
    let mut trials = trials("specs".as_ref(), &search);
    // What is wrong with the payments of each language is looked at more closely in `services.rs`.
    let is_elsewhere = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_digit()) || name.ends_with("-payments::naive")
    };
    trials.retain(|trial| !is_elsewhere(trial.name()));
    libtest_mimic::run(&arguments, trials).exit_code()
}
