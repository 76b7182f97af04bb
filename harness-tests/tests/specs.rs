//! Every spec of the project in every variant, as tests.

use std::path::Path;
use std::process::ExitCode;

use steadfast::trials::{Search, trials};

fn main() -> ExitCode {
    let mut arguments = libtest_mimic::Arguments::from_args();
    // The machines that run this have two cores, and a world of its own for each trial wants both.
    arguments.test_threads.get_or_insert(1);
    // The specs name the services by paths that start at the root of the workspace.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if let Err(error) = std::env::set_current_dir(&root) {
        panic!("{} cannot be entered: {error}", root.display());
    }
    let search = Search { cases: Some(100), reproduce: 3, ..Search::default() };
    libtest_mimic::run(&arguments, trials("specs".as_ref(), &search)).exit_code()
}
