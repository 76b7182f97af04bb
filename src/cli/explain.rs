//! `steadfast explain`.

use indexmap::IndexMap;

use super::arguments::ExplainArguments;
use super::replay::load_case;
use super::run::report;
use super::{HELD, WRONG, screen};
use crate::adapter::operation::{Request, request};
use crate::campaign;
use crate::case::{Case, CaseFile, Subjects};
use crate::report::by_hand::{Sent, steps};
use crate::spec::Spec;

pub(super) fn explain(arguments: &ExplainArguments) -> u8 {
    let Some((spec, file)) = load_case(&arguments.case, arguments.spec.clone()) else { return WRONG };
    let (invariant, sent) = match campaign::invariant_of(&spec, &file, &arguments.case) {
        Ok((invariant, _)) => (invariant, sent(&spec, &file)),
        Err(stopped) => return report(&stopped),
    };
    let sent = match sent {
        Ok(sent) => sent,
        Err(name) => {
            screen::problem(&format!("steadfast: {}: `${{{name}}}` is not known", spec.file.display()));
            return WRONG;
        }
    };
    screen::result(&format!("how `{invariant}` of {} is broken by hand", spec.name));
    for line in settings(&spec, &file) {
        screen::result(&format!("  {line}"));
    }
    for (number, step) in steps(&file.case, &sent).iter().enumerate() {
        screen::result(&format!("  {:>2}  {step}", number + 1));
    }
    file.note.iter().for_each(|note| screen::result(&format!("  {note}")));
    HELD
}

/// What the operations send, with `$SERVICE` for addresses and the ids of the case file.
fn sent(spec: &Spec, file: &CaseFile) -> Result<Vec<Sent>, String> {
    // Of no case: every id is sent as it stands in the file.
    let subjects = Subjects::new(&Case::default(), "");
    let address = |name: &String| (name.clone(), format!("${}", name.to_uppercase().replace('-', "_")));
    let services: IndexMap<String, String> = spec.services.keys().map(address).collect();
    let of = |operation: &crate::case::Operation| {
        let kind = spec.operations.get(&operation.operation).ok_or_else(|| operation.operation.clone())?;
        Ok(match request(kind, operation, &subjects, &services)? {
            Request::Http { method, url, headers, body, .. } => {
                Sent::Call { method, url, headers, body: body.map(|body| body.to_string()) }
            }
            Request::Record { topic, key, value, .. } => {
                Sent::Record { topic, key, value: value.to_string() }
            }
        })
    };
    file.case.operations.iter().map(of).collect()
}

/// How the services are set in the variant of the case.
fn settings(spec: &Spec, file: &CaseFile) -> Vec<String> {
    let variant = file.variant.as_ref().and_then(|name| spec.variants.get(name));
    let set = variant.into_iter().flat_map(|variant| &variant.env).map(|(service, env)| {
        let env: Vec<String> = env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("start {service} with {}", env.join(" "))
    });
    set.collect()
}
