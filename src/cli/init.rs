//! `steadfast init`.

use std::io::Write;
use std::path::Path;

use super::arguments::InitArguments;
use super::screen;
use super::{HELD, WRONG};
use crate::init::{self, Draft, Found};
use crate::spec::Spec;

/// Looks at a project, asks what only its owner knows, and writes a spec. Nothing that is there is written over.
pub(super) fn init(arguments: &InitArguments) -> u8 {
    if !arguments.folder.is_dir() {
        screen::problem(&format!("steadfast: {} is not a folder", arguments.folder.display()));
        return WRONG;
    }
    let looked = match &arguments.run {
        Some(run) => Ok(init::look_at_service(&arguments.folder, run)),
        None => init::look(&arguments.folder),
    };
    let mut found = match looked {
        Ok(found) => found,
        Err(nothing) => {
            screen::problem(&format!("steadfast: {nothing}"));
            return WRONG;
        }
    };
    screen::result(&in_words(&found));
    if !arguments.yes && screen::can_ask() {
        ask(&mut found);
    }
    let draft = init::draft(&found);
    match write(&arguments.folder, &draft) {
        Ok(()) => check(&arguments.folder, &draft),
        Err(reason) => {
            screen::problem(&format!("steadfast: {reason}"));
            WRONG
        }
    }
}

fn in_words(found: &Found) -> String {
    let service =
        |service: &init::Service| format!("found {} in {}: {}", service.name, service.directory, service.run);
    found.services.iter().map(service).collect::<Vec<_>>().join("\n")
}

/// What files do not tell for sure. Nothing typed leaves it as it is.
fn ask(found: &mut Found) {
    for service in &mut found.services {
        if let Some(run) = screen::answer(&format!("  what runs {}? [{}] ", service.name, service.run)) {
            service.run = run;
        }
        if service.has_port() {
            let guess = service.ready.as_deref().unwrap_or("none: when it listens on its port");
            let asked = format!(
                "  at which path does {} answer with 2xx once it can serve? [{guess}] ",
                service.name
            );
            service.ready =
                screen::answer(&asked).filter(|path| path.starts_with('/')).or(service.ready.take());
        }
    }
}

/// # Errors
/// A file is there already, or cannot be written; in words.
fn write(folder: &Path, draft: &Draft) -> Result<(), String> {
    let files: Vec<&(String, String)> = std::iter::once(&draft.spec).chain(&draft.schema).collect();
    if let Some((path, _)) = files.iter().find(|(path, _)| folder.join(path).exists()) {
        let path = folder.join(path);
        return Err(format!(
            "{0} is there already, and stays as it is; move it away to have another: mv {0} {0}.old",
            path.display()
        ));
    }
    std::fs::create_dir_all(folder.join("specs")).map_err(|error| format!("specs: {error}"))?;
    for (path, text) in files {
        let path = folder.join(path);
        let mut options = std::fs::OpenOptions::new();
        let opened = options.write(true).create_new(true).open(&path);
        let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| format!("{}: {error}", path.display()))?;
        screen::result(&format!("wrote {}", path.display()));
    }
    Ok(())
}

/// What was written must be a spec; where it is not, that is said as of any other.
fn check(folder: &Path, draft: &Draft) -> u8 {
    let file = folder.join(&draft.spec.0);
    if let Err(problems) = Spec::load(&file) {
        screen::problem(&problems.render(screen::colour(), screen::width()));
        return WRONG;
    }
    let enter = if folder == Path::new(".") { String::new() } else { format!("cd {} && ", folder.display()) };
    screen::result(&format!(
        "look at the lines with CHECK, then: {enter}steadfast run {spec}\n\
         git shall not keep .steadfast/: echo .steadfast/ >>.gitignore",
        spec = draft.spec.0
    ));
    HELD
}
