//! A spec whose operations are events: they go to the topic by a real client, the way of all records.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use steadfast::campaign::{self, Options, Worlds};
use steadfast::report::{Ending, Found, Summary, Violation};
use steadfast::shrink::Budget;
use steadfast::spec::Spec;
use steadfast::world::Wanted;
use steadfast::world::supervisor::Supervisor;
use tokio_util::sync::CancellationToken;

const CASES: u32 = 30;

/// Judges the spec in one variant; the scratch files go into `folder`.
async fn judge(variant: &str, folder: &Path) -> Summary {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/produced-events.yaml");
    let spec = Spec::load(&file).unwrap_or_else(|problems| panic!("{}", problems.render(false, 120)));
    let options = Options {
        cases: Some(CASES),
        time: None,
        shard: campaign::Shard::WHOLE,
        seed: steadfast::case::Seed(7),
        shrink: Budget::default(),
        reproduce: 3,
        folder: folder.to_owned(),
    };
    let supervisor = Supervisor::start().unwrap();
    let cancel = CancellationToken::new();
    let mut told = |_: campaign::Progress<'_>| {};
    let mut worlds = Worlds::new(Wanted::default(), [&spec], &supervisor);
    let judging = async {
        let world = worlds.of(&spec, &cancel, &mut told).await?;
        let (spec, supervisor) = (Arc::new(spec.clone()), supervisor.clone());
        campaign::run(spec, Some(variant), &options, &[world], supervisor, &cancel, &mut told).await
    };
    let judged = judging.await;
    worlds.close().await;
    judged.unwrap_or_else(|stopped| panic!("{variant}: {stopped}"))
}

fn violation(summary: &Summary) -> Option<&Violation> {
    summary.invariants.iter().find_map(|invariant| match &invariant.found {
        Found::Violated(violation) => Some(&**violation),
        _ => None,
    })
}

// One test, because where `./shop` is found is a property of the process.
#[test]
fn a_produced_event_is_an_operation_like_any_other() {
    let shop = Path::new(env!("CARGO_BIN_EXE_shop"));
    std::env::set_current_dir(shop.parent().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();

    let naive = runtime.block_on(judge("naive", folder.path()));
    let found = violation(&naive).expect("a double charge");
    assert_eq!(naive.ending(), Ending::AsExpected);
    assert_eq!((found.minimal.operations.len(), found.minimal.faults.len()), (1, 1), "{:?}", found.minimal);

    let repaired = runtime.block_on(judge("repaired", folder.path()));
    assert_eq!(repaired.ending(), Ending::Held, "{repaired:?}");
    assert_eq!(repaired.cases, CASES);
    assert_eq!(repaired.faults_never_fired, Vec::<String>::new());
}
