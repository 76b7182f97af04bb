//! How a view follows its events: what it does when the database fails, and how soon it applies what it was told.

use std::str::FromStr;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::consume::Handler;
use super::event::Event;
use super::settings::Settings;

/// How long a view that applies events in batches collects them, in milliseconds, unless BATCH_MS says otherwise.
const BATCH_MS: u64 = 1_200;

/// What becomes of an event that could not be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnError {
    /// It is tried again; its offset is not committed before that has worked.
    Retry,
    /// The error is logged, and the view goes on with the next event.
    Log,
}

/// When an event is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Apply {
    /// When it comes.
    AtOnce,
    /// Together with all that come within the next moments.
    InBatches,
}

impl FromStr for OnError {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "retry" => Ok(Self::Retry),
            "log" => Ok(Self::Log),
            _ => Err("not what to do on an error; there are `retry` and `log`"),
        }
    }
}

impl FromStr for Apply {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "at-once" => Ok(Self::AtOnce),
            "in-batches" => Ok(Self::InBatches),
            _ => Err("not when to apply events; there are `at-once` and `in-batches`"),
        }
    }
}

/// How a view follows its events, as set by ON_ERROR, APPLY and BATCH_MS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refresh {
    on_error: OnError,
    apply: Apply,
    batch: Duration,
}

impl Refresh {
    /// Events are tried again and applied at once, where nothing else is set.
    ///
    /// # Errors
    /// A setting has no meaning.
    pub fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self {
            on_error: settings.optional("ON_ERROR", OnError::Retry)?,
            apply: settings.optional("APPLY", Apply::AtOnce)?,
            batch: Duration::from_millis(settings.optional("BATCH_MS", BATCH_MS)?),
        })
    }

    /// `view`, following its events this way.
    pub fn of<View: Handler>(self, view: View) -> Refreshed<View> {
        Refreshed { refresh: self, view, collected: Mutex::new(None) }
    }
}

/// A view that follows its events in a certain way.
pub struct Refreshed<View> {
    refresh: Refresh,
    view: View,
    /// Until when the events of the batch are applied that was collected last.
    collected: Mutex<Option<Instant>>,
}

impl<View: Handler> Handler for Refreshed<View> {
    async fn handle(&self, event: &Event) -> anyhow::Result<()> {
        if self.refresh.apply == Apply::InBatches {
            self.until_collected().await;
        }
        match (self.view.handle(event).await, self.refresh.on_error) {
            (Err(error), OnError::Log) => {
                tracing::error!("an event is passed over: {error:#}");
                Ok(())
            }
            (handled, _) => handled,
        }
    }
}

impl<View> Refreshed<View> {
    /// The first event of a batch waits until the batch is collected. Those that came meanwhile follow it without waiting.
    async fn until_collected(&self) {
        let mut collected = self.collected.lock().await;
        if collected.is_none_or(|until| until < Instant::now()) {
            tokio::time::sleep(self.refresh.batch).await;
            *collected = Some(Instant::now() + self.refresh.batch / 10);
        }
    }
}
