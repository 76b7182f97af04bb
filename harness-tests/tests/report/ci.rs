//! What CI servers are handed: JUnit XML that a validator accepts, and what GitHub Actions shows.

use std::path::Path;
use std::process::Command;

use steadfast::report::{Judged, github, junit};

use super::made;

/// The document, after a validator of schemas took it.
#[track_caller]
fn valid(judged: &[Judged]) -> String {
    let document = junit::document(judged).expect("a document");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("junit.xml");
    std::fs::write(&file, &document).expect("written");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/junit.xsd");
    let validated = Command::new("xmllint").arg("--noout").arg("--schema").arg(schema).arg(&file).output();
    let validated = validated.expect("xmllint, from libxml2-utils; `ci/setup test` installs it");
    let problems = String::from_utf8_lossy(&validated.stderr);
    assert!(validated.status.success(), "{problems}\n{document}");
    document
}

#[test]
fn junit_says_each_verdict_in_its_own_way() {
    insta::assert_snapshot!("junit", valid(&made::everything("")));
}

#[test]
fn junit_of_nothing_is_valid() {
    valid(&[]);
}

#[test]
fn junit_is_valid_whatever_services_write() {
    let document = valid(&made::everything(made::HOSTILE));
    assert!(!document.contains("<script") && !document.contains("<img"), "{document}");
    assert!(
        document.contains("&lt;script>alert(1)") || document.contains("&lt;script&gt;alert(1)"),
        "{document}"
    );
}

#[test]
fn the_validator_would_notice() {
    let document = junit::document(&made::everything("")).expect("a document");
    let wrong = document.replacen("<failure", "<fault", 1).replacen("</failure", "</fault", 1);
    assert_ne!(document, wrong);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("junit.xml");
    std::fs::write(&file, wrong).expect("written");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/junit.xsd");
    let validated = Command::new("xmllint").arg("--noout").arg("--schema").arg(schema).arg(&file).output();
    assert!(!validated.expect("xmllint").status.success());
}

#[test]
fn github_points_at_the_invariant_in_the_spec() {
    let annotations = github::annotations(&made::everything(""));
    let spec = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs/checkout.yaml"));
    let line = 1 + spec.expect("a spec").lines().position(|line| line == "  no double charge:").expect("it");
    let wanted = format!(
        "::error file=specs/checkout.yaml,line={line},title=checkout%3A%3Anaive%3A no double charge::"
    );
    assert!(annotations.starts_with(&wanted), "{wanted}\n{annotations}");
    // Only what is not as expected is pointed at; each command is one line.
    assert!(annotations.lines().all(|line| line.starts_with("::error ") || line.starts_with("::warning ")));
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"line=\d+", "line=[its line]");
    settings.bind(|| insta::assert_snapshot!("annotations", annotations));
}

#[test]
fn the_job_summary_shows_every_verdict() {
    insta::assert_snapshot!("job_summary", github::job_summary(&made::everything("")));
}

#[test]
fn nothing_that_services_write_becomes_a_command_or_a_tag() {
    let words = format!("{}\n::set-output name=x::y\n| a | b |", made::HOSTILE);
    let judged = made::everything(&words);
    assert!(github::annotations(&judged).lines().all(|line| !line.starts_with("::set-output")));
    let page = github::job_summary(&judged);
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
}
