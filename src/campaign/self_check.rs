//! Does the same case do the same twice?

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Campaign, Options, Progress, Stopped, UNDISTURBED, add_facts};
use crate::case::{Generator, Seen};
use crate::report::difference::{compare, fired_once};
use crate::report::{SelfChecked, Size};
use crate::run::{Between, System};
use crate::spec::Spec;
use crate::world::World;
use crate::world::supervisor::Supervisor;

/// The case that is run twice: a large one of the search.
const NUMBER: u32 = 100;

/// Runs one case of the search twice, on fresh services each time, and compares what was mediated.
///
/// # Errors
/// [`Stopped`]; whatever was started is ended all the same.
pub async fn self_check(
    spec: Arc<Spec>,
    variant: Option<&str>,
    options: &Options,
    world: &Arc<World>,
    supervisor: Supervisor,
    cancel: &CancellationToken,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<SelfChecked, Stopped> {
    let starting = System::start(Arc::clone(&spec), variant, Arc::clone(world), supervisor, |what| {
        progress(Progress::Doing(what));
    });
    let system = tokio::select! {
        () = cancel.cancelled() => return Err(Stopped::Interrupted),
        started = starting => started?,
    };
    let mut campaign = Campaign {
        spec,
        variant,
        options,
        system,
        others: Vec::new(),
        cancel,
        progress,
        into: None,
        found_as: None,
    };
    let checked = campaign.twice().await;
    campaign.system.stop().await;
    checked
}

impl Campaign<'_> {
    async fn twice(&mut self) -> Result<SelfChecked, Stopped> {
        let mut generator = Generator::new(&self.spec, self.variant, self.options.seed);
        let mut seen = Seen::default();
        for number in UNDISTURBED {
            let (history, _) = self.play(&generator.without_faults(number), Between::Reset).await?;
            add_facts(&mut seen, &history);
        }
        generator.learn(seen);
        let case = generator.case(NUMBER);
        let (first, _) = self.play(&case, Between::Restart).await?;
        let (second, _) = self.play(&case, Between::Restart).await?;
        let compared = compare(&first, &second);
        let size = Size::of(&case);
        Ok(SelfChecked { case: NUMBER, size, compared, fired_once: fired_once(&first, &second) })
    }
}
