//! `steadfast check` and `steadfast schema`: what needs no world.

use super::arguments::{CheckArguments, Format, SchemaArguments, Schemas};
use super::run::{load, variants};
use super::screen;
use super::{HELD, NOT_PROVEN, VIOLATED, WRONG};
use crate::check;
use crate::history::{What, reader};
use crate::report::Ending;
use crate::report::checked::{Checked, CheckedInvariant};
use crate::spec::{Expected, Spec};

/// Judges a stored history.
pub(super) fn check(arguments: &CheckArguments) -> u8 {
    let Some(spec) = load(&arguments.spec) else { return WRONG };
    let stored = match reader::read(&arguments.history) {
        Ok(stored) => stored,
        Err(error) => {
            screen::problem(&format!("steadfast: {error}"));
            return WRONG;
        }
    };
    if let Err(message) = variants(&spec, arguments.variant.as_deref()) {
        screen::problem(&message);
        return WRONG;
    }
    let variant = arguments.variant.clone().or_else(|| recorded_variant(&stored, &spec));
    let expected = variant.as_ref().and_then(|name| spec.variants.get(name)).map(|variant| &variant.expect);
    let verdicts = check::judge(&spec, &stored.history).into_iter().map(|(name, verdict)| {
        let expected = expected.and_then(|expected| expected.get(&name).copied()).unwrap_or(Expected::Held);
        CheckedInvariant { name, expected, verdict }
    });
    let invariants = verdicts.collect();
    let file = arguments.history.clone();
    let checked = Checked { file, stored, spec: spec.name.clone(), variant, invariants };
    match arguments.format {
        Format::Json => screen::result(&checked.json()),
        Format::Human => {
            checked.remarks().iter().for_each(|remark| screen::problem(remark));
            screen::result(&checked.text(screen::width()));
        }
    }
    match checked.ending() {
        Ending::Held | Ending::AsExpected => HELD,
        Ending::Violated => VIOLATED,
        Ending::NotProven => NOT_PROVEN,
    }
}

/// The variant that the history was recorded in, if the spec still has it.
fn recorded_variant(stored: &reader::Stored, spec: &Spec) -> Option<String> {
    let first = stored.history.events.first();
    let Some(What::Began { variant: Some(variant), .. }) = first.map(|event| &event.what) else {
        return None;
    };
    spec.variants.contains_key(variant).then(|| variant.clone())
}

/// Prints a JSON Schema.
pub(super) fn schema(arguments: &SchemaArguments) -> u8 {
    let schema = match arguments.of {
        Schemas::Spec => crate::spec::schema::schema(),
        Schemas::History => crate::history::schema(),
    };
    screen::result(&format!("{schema:#}"));
    HELD
}
