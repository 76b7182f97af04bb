//! Fuzz targets on libFuzzer: whatever reads bytes of strangers, one target for each kind of them.
//!
//! `harness-tests/fuzz/run` builds this with coverage of our crates and runs each target. Which one, the variable `TARGET`
//! says; the folder that its seeds are written to is `SEEDS`.

#![no_main]

mod seeds;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use steadfast::fuzzing;

type Target = fn(&[u8]) -> Result<(), String>;
type Seeds = fn() -> Vec<Vec<u8>>;

/// Its name, what it is, and what it begins with.
const TARGETS: &[(&str, Target, Seeds)] = &[
    ("kafka_frames", fuzzing::kafka_frames, seeds::kafka_frames),
    ("kafka_records", fuzzing::kafka_records, seeds::kafka_records),
    ("postgres_messages", fuzzing::postgres_messages, seeds::postgres_messages),
    ("files", fuzzing::files, seeds::files),
];

static TARGET: OnceLock<Target> = OnceLock::new();

fn prepare() {
    let wanted = std::env::var("TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(name, ..)| *name == wanted);
    let names: Vec<&str> = TARGETS.iter().map(|(name, ..)| *name).collect();
    let (_, target, seeds) = found.unwrap_or_else(|| panic!("TARGET is one of {}", names.join(", ")));
    TARGET.get_or_init(|| *target);
    if let Ok(folder) = std::env::var("SEEDS") {
        std::fs::create_dir_all(&folder).expect("a folder for the seeds");
        for (number, seed) in seeds().iter().enumerate() {
            std::fs::write(format!("{folder}/seed-{number}"), seed).expect("room for a seed");
        }
    }
    // libFuzzer ends at every panic. Those of the decoders that we use are caught, and no finding.
    let ends = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let of_ours = |file: &str| file.starts_with("src/") || file.starts_with("harness-tests/");
        if panic.location().is_none_or(|at| of_ours(at.file())) {
            ends(panic);
        }
    }));
}

fuzz_target!(init: prepare(), |input: &[u8]| {
    let target = TARGET.get().expect("prepared");
    if let Err(wrong) = target(input) {
        panic!("{wrong}");
    }
});
