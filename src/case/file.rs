//! The case file: one case with where it comes from, as YAML that people read, keep and mail.
//!
//! The case itself is stored, not the seed, so that it keeps its meaning when generation changes. A file
//! that no longer fits its spec says what changed.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_yaml::FlowMap;

use super::{Case, Fault, Operation, Seed};
use crate::spec::Spec;

/// The version that this build writes, and the only one that it reads.
const VERSION: u32 = 1;

/// A case and where it comes from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CaseFile {
    /// The spec, as it was named on the command line.
    pub spec: PathBuf,
    /// Its variant, if it has variants.
    pub variant: Option<String>,
    /// The invariant that the case violates.
    pub invariant: Option<String>,
    /// Where it was found: seed and number of the case, before shrinking.
    pub found: Option<(Seed, u32)>,
    /// The measured rates, in words: `fails 20/20 with the fault, 0/20 without it`.
    pub note: Option<String>,
    /// The case.
    pub case: Case,
}

/// Where case files come from, for whoever has taken something else for one.
const BY_A_RUN: &str = "; a run saves its cases in .steadfast, and a spec is run by `steadfast run`";

/// Why a case file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CaseFileError {
    /// There is no such file, or it cannot be read.
    #[error("{}: {source}; a run saves its cases in .steadfast, and `regressions` beside a spec holds those to keep", file.display())]
    Unreadable {
        /// The case file.
        file: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The file system said no.
    #[error("{}: {source}", file.display())]
    Io {
        /// The case file.
        file: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// The file is not a case file.
    #[error("{}:{line}: {message}", file.display())]
    Text {
        /// The case file.
        file: PathBuf,
        /// From 1.
        line: u64,
        /// What is wrong there.
        message: String,
    },
    /// The file was written by another version.
    #[error("{}: steadfast_case is {version}; this build reads version {VERSION}", file.display())]
    Version {
        /// The case file.
        file: PathBuf,
        /// Its version.
        version: u64,
    },
    /// The case holds something that YAML cannot.
    #[error("{}: {message}", file.display())]
    Unwritable {
        /// The case file.
        file: PathBuf,
        /// What it is.
        message: String,
    },
}

/// The file as it is typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    #[serde(rename = "steadfast_case")]
    _version: u32,
    spec: PathBuf,
    variant: Option<String>,
    invariant: Option<String>,
    found: Option<Found>,
    note: Option<String>,
    operations: Vec<Operation>,
    #[serde(default)]
    faults: Vec<Fault>,
}

/// The same for writing: one line per operation and fault.
#[derive(Serialize)]
struct Written<'a> {
    steadfast_case: u32,
    spec: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invariant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<FlowMap<Found>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    operations: Vec<FlowMap<&'a Operation>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<FlowMap<Value>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    seed: Seed,
    case: u32,
}

impl CaseFile {
    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// The folder cannot be made or written to.
    pub fn save(&self, path: &Path) -> Result<(), CaseFileError> {
        let text =
            self.text().map_err(|message| CaseFileError::Unwritable { file: path.to_owned(), message })?;
        replace(path, &text).map_err(|source| CaseFileError::Io { file: path.to_owned(), source })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, is no case file (with the line), or has another version.
    pub fn load(path: &Path) -> Result<CaseFile, CaseFileError> {
        let unreadable = |source| CaseFileError::Unreadable { file: path.to_owned(), source };
        let text = fs::read_to_string(path).map_err(unreadable)?;
        CaseFile::parse(&text, path)
    }

    pub(crate) fn text(&self) -> Result<String, String> {
        // As plain maps: inside a line serde-saphyr writes an enum that holds something as a block, which no
        // reader takes, itself included.
        let faults = self.case.faults.iter().map(|fault| serde_json::to_value(fault).map(FlowMap));
        let faults: Vec<_> = faults.collect::<Result<_, _>>().map_err(|problem| problem.to_string())?;
        let written = Written {
            steadfast_case: VERSION,
            spec: &self.spec,
            variant: self.variant.as_deref(),
            invariant: self.invariant.as_deref(),
            found: self.found.map(|(seed, case)| FlowMap(Found { seed, case })),
            note: self.note.as_deref(),
            operations: self.case.operations.iter().map(FlowMap).collect(),
            faults,
        };
        serde_yaml::to_string(&written).map_err(|problem| problem.to_string())
    }

    pub(crate) fn parse(text: &str, file: &Path) -> Result<CaseFile, CaseFileError> {
        let wrong = |problem: &serde_yaml::Error| {
            let problem = problem.without_snippet();
            let line = problem.location().map_or(1, |location| location.line().max(1));
            let message = problem.to_string();
            // Its own "line 3 column 5" would repeat ours.
            let message = message.split(" at line ").next().unwrap_or_default().trim().to_owned();
            CaseFileError::Text { file: file.to_owned(), line, message }
        };
        // Another version may have another shape, so its number is read before anything else.
        let whole: Value = serde_yaml::from_str(text).map_err(|problem| wrong(&problem))?;
        match whole.get("steadfast_case").map(Value::as_u64) {
            Some(Some(version)) if version == u64::from(VERSION) => {}
            Some(Some(version)) => return Err(CaseFileError::Version { file: file.to_owned(), version }),
            Some(None) | None => {
                let message = format!("a case file says `steadfast_case: {VERSION}`{BY_A_RUN}");
                return Err(CaseFileError::Text { file: file.to_owned(), line: 1, message });
            }
        }
        let typed: Typed = serde_yaml::from_str(text).map_err(|problem| wrong(&problem))?;
        Ok(CaseFile {
            spec: typed.spec,
            variant: typed.variant,
            invariant: typed.invariant,
            found: typed.found.map(|found| (found.seed, found.case)),
            note: typed.note,
            case: Case { operations: typed.operations, faults: typed.faults },
        })
    }

    /// Whether the case still fits its spec.
    ///
    /// # Errors
    /// All that changed, one sentence each.
    pub fn fits(&self, spec: &Spec) -> Result<(), Vec<String>> {
        let mut changes = Vec::new();
        if let Some(variant) = self.variant.as_ref().filter(|name| !spec.variants.contains_key(*name)) {
            changes.push(format!("the spec has no variant `{variant}`"));
        }
        if let Some(invariant) = self.invariant.as_ref().filter(|name| !spec.invariants.contains_key(*name)) {
            changes.push(format!("the spec has no invariant `{invariant}`"));
        }
        changes.extend(self.case.fits(spec).err().unwrap_or_default());
        if changes.is_empty() { Ok(()) } else { Err(changes) }
    }
}

/// A reader sees the old file or the new one, never half of it.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = path.with_file_name(name);
    let written = fs::File::create(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&beside, path));
    if renamed.is_err() {
        let _ = fs::remove_file(&beside);
    }
    renamed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Generator, sample};
    use super::*;
    use crate::spec::Given;

    const MINIMAL: &str = r#"steadfast_case: 1
spec: specs/checkout.yaml
invariant: no double charge
note: fails 20/20 with the fault, 0/20 without it
operations:
- {client: 1, operation: place_order, given: {order: {new: o1}, sku: red, quantity: 1}}
faults:
- {do: {duplicate: order-events}, at: {fact: published order-events, about: o1, nth: 1, edge: before}}
"#;

    fn parsed(text: &str) -> Result<CaseFile, String> {
        CaseFile::parse(text, Path::new("a.yaml")).map_err(|problem| problem.to_string())
    }

    proptest! {
        #[test]
        fn what_is_saved_is_loaded(seed: u64, number in 0..200_u32, note in "\\PC{0,40}", variant in "[a-z ]{0,9}") {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("new/folder/case.yaml");
            let saved = CaseFile {
                spec: "specs/a b.yaml".into(),
                variant: Some(variant),
                invariant: None,
                found: Some((Seed(seed), number)),
                note: Some(note),
                case: Generator::new(&sample::spec(), None, Seed(seed)).case(number),
            };
            saved.save(&path).unwrap();
            prop_assert_eq!(CaseFile::load(&path).unwrap(), saved);
            let names = fs::read_dir(path.parent().unwrap()).unwrap();
            prop_assert_eq!(names.count(), 1);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}", cut in 0..MINIMAL.len()) {
            let _ = parsed(&text);
            let _ = parsed(&MINIMAL[..cut]);
            let _ = parsed(&format!("{}{text}{}", &MINIMAL[..cut], &MINIMAL[cut..]));
        }
    }

    #[test]
    fn it_reads_well() {
        let mut file = parsed(MINIMAL).unwrap();
        assert_eq!(file.text().unwrap(), MINIMAL);
        file.variant = Some("naive".to_owned());
        file.found = Some((Seed(7), 38));
        file.case = Generator::new(&sample::spec(), None, Seed(9)).case(24);
        insta::assert_snapshot!(file.text().unwrap(), @r#"
        steadfast_case: 1
        spec: specs/checkout.yaml
        variant: naive
        invariant: no double charge
        found: {seed: "7", case: 38}
        note: fails 20/20 with the fault, 0/20 without it
        operations:
        - {client: 1, operation: place_order, given: {order: {new: or1}, sku: blue, quantity: 2}}
        - {client: 3, operation: place_order, given: {order: {new: or2}, sku: red, quantity: 1}}
        - {client: 2, operation: place_order, given: {order: {new: or3}, sku: blue, quantity: 2}}
        - {client: 3, operation: place_order, given: {order: {new: or4}, sku: red, quantity: 2}}
        faults:
        - {do: {crash: payments}, at: {service: payments, fact: produced order-events, about: or2, nth: 1, edge: before}}
        - {do: {hold: order-events, until: quiet}, at: {fact: published order-events, about: or2, nth: 3, edge: before}}
        - {do: {hold: order-events, until: {facts: 23}}, at: {fact: published order-events, about: or2, nth: 1, edge: before}}
        "#);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let check = |from: &str, to: &str| parsed(&MINIMAL.replace(from, to)).unwrap_err();
        let problems = [
            check("steadfast_case: 1", "steadfast_case: 2"),
            check("steadfast_case: 1\n", ""),
            check(MINIMAL, ""),
            check(MINIMAL, "- just\n- a list"),
            check("client: 1", "client: one"),
            check("nth: 1", "nth: -1"),
            check("edge: before", "edge: during"),
            check("published order-events", "posted order-events"),
            check("{new: o1}", "{newest: o1}"),
            check("note:", "notes:"),
            check("- {do: {duplicate", "- {do: {explode"),
            check("faults:", "faults: ["),
        ];
        insta::assert_snapshot!(problems.join("\n"), @r#"
        a.yaml: steadfast_case is 2; this build reads version 1
        a.yaml:1: a case file says `steadfast_case: 1`; a run saves its cases in .steadfast, and a spec is run by `steadfast run`
        a.yaml:1: a case file says `steadfast_case: 1`; a run saves its cases in .steadfast, and a spec is run by `steadfast run`
        a.yaml:1: a case file says `steadfast_case: 1`; a run saves its cases in .steadfast, and a spec is run by `steadfast run`
        a.yaml:6: invalid u32
        a.yaml:8: invalid u32
        a.yaml:8: unknown variant `during`, expected one of before, after
        a.yaml:8: `posted` is not a kind of fact; known are produced, published, delivered, offset-committed, queried, committed, called
        a.yaml:6: an argument is a plain value, `{ new: ID }` or `{ existing: ID }`
        a.yaml:4: unknown field `notes`, expected one of steadfast_case, spec, variant, invariant, found, note, operations, faults
        a.yaml:8: there is no fault `explode`; known are duplicate, rewind, hold, reorder, poison, lose ack, refuse, lose offset commit, rebalance, slow partition, lose reply, cut, fail, decline, slow, unavailable, crash, pause, restart, skew clock, restart broker, restart postgres
        a.yaml:8: "-" is only valid inside a block
        "#);
    }

    #[test]
    fn what_no_longer_fits_is_said() {
        let file = parsed(&MINIMAL.replace("checkout", "other")).unwrap();
        let mut spec = sample::spec();
        spec.operations["place_order"].given.insert("colour".to_owned(), Given::New);
        spec.operations["place_order"].given.shift_remove("sku");
        spec.operations["place_order"].given.insert("quantity".to_owned(), Given::Range(2, 3));
        spec.faults.clear();
        insta::assert_snapshot!(file.fits(&spec).unwrap_err().join("\n"), @r#"
        the spec has no invariant `no double charge`
        operation 1: `place_order` has no argument `sku`
        operation 1: `quantity` of `place_order` cannot be `1`
        operation 1: `place_order` needs the argument `colour`
        fault 1: the spec does not allow `duplicate order-events`
        "#);
        spec.operations.clear();
        insta::assert_snapshot!(file.fits(&spec).unwrap_err().join("\n"), @r#"
        the spec has no invariant `no double charge`
        operation 1: the spec has no operation `place_order`
        fault 1: the spec does not allow `duplicate order-events`
        "#);
        let text = MINIMAL.replace("{new: o1}", "{existing: o1}").replace("about: o1", "about: o7");
        let text = text.replace("edge: before", "edge: after").replace("client: 1", "client: 0");
        insta::assert_snapshot!(parsed(&text).unwrap().fits(&sample::spec()).unwrap_err().join("\n"), @r#"
        the spec has no invariant `no double charge`
        operation 1: clients are counted from 1
        operation 1: `order` of `place_order` cannot be `o1`
        operation 1: no earlier operation makes `o1`
        fault 1: `duplicate order-events` cannot happen `after published order-events #1 of o7`
        fault 1: no operation makes `o7`
        "#);
    }
}
