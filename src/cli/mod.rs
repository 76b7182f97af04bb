//! The command line: what is typed, what is printed, what the exit code says.
//!
//! All printing of the product is here. Results go to standard output, progress and problems to standard
//! error, colour only to a terminal.

mod arguments;
mod check;
mod doctor;
mod explain;
mod init;
mod publish;
mod replay;
mod run;
mod screen;
mod shrink;

use std::process::ExitCode;

use clap::Parser;
use tokio_util::sync::CancellationToken;

use crate::world::supervisor::Supervisor;
use arguments::{Arguments, Command};

/// Everything held, or was as expected.
pub const HELD: u8 = 0;
/// An invariant was violated, or an expected violation was not found.
pub const VIOLATED: u8 = 1;
/// The spec or the command line is wrong.
pub const WRONG: u8 = 2;
/// Nothing was violated and something was not proven: not exercised, or unknown.
pub const NOT_PROVEN: u8 = 3;
/// The world failed, so nothing can be said.
pub const WORLD_FAILED: u8 = 4;
/// Interrupted.
pub const INTERRUPTED: u8 = 130;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no mistakes; clap knows.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { WRONG } else { HELD });
        }
    };
    listen_to_tracing();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            screen::problem(&format!("the runtime could not be started: {error}"));
            return ExitCode::from(WORLD_FAILED);
        }
    };
    ExitCode::from(runtime.block_on(obey(arguments)))
}

async fn obey(arguments: Arguments) -> u8 {
    let supervisor = match Supervisor::start() {
        Ok(supervisor) => supervisor,
        Err(error) => {
            screen::problem(&format!("the supervisor could not be started: {error}"));
            return WORLD_FAILED;
        }
    };
    let cancel = CancellationToken::new();
    tokio::spawn(cancel_on_signal(cancel.clone()));
    let code = match arguments.command {
        Command::Init(arguments) => init::init(&arguments),
        Command::Run(arguments) => run::run(arguments, &supervisor, &cancel).await,
        Command::Replay(arguments) => replay::replay(arguments, &supervisor, &cancel).await,
        Command::Shrink(arguments) => shrink::shrink(arguments, &supervisor, &cancel).await,
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Keep(arguments) => replay::keep(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Schema(arguments) => check::schema(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments, &supervisor).await,
    };
    if let Err(error) = supervisor.end().await {
        screen::problem(&format!("not everything could be cleaned up: {error}"));
    }
    code
}

/// The first signal ends the run in order; everything we started is gone before we are. A second one does not
/// wait: then the supervisor cleans up behind us.
async fn cancel_on_signal(cancel: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    for first in [true, false] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if first {
            screen::problem("stopping; once more to stop at once");
            cancel.cancel();
        } else {
            #[expect(clippy::exit, reason = "whoever asks twice wants no orderly end")]
            std::process::exit(i32::from(INTERRUPTED));
        }
    }
}

/// The worst of several codes: 130, 2, 1, 4, 3, 0.
fn worst(codes: impl IntoIterator<Item = u8>) -> u8 {
    const ORDER: [u8; 6] = [INTERRUPTED, WRONG, VIOLATED, WORLD_FAILED, NOT_PROVEN, HELD];
    let rank = |code: &u8| ORDER.iter().position(|known| known == code);
    codes.into_iter().min_by_key(rank).unwrap_or(HELD)
}

/// `STEADFAST_LOG=debug` shows what happens inside, on standard error.
fn listen_to_tracing() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("STEADFAST_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    subscriber.with_ansi(screen::colour()).init();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(codes: &[u8], expected: u8) {
        assert_eq!(worst(codes.iter().copied()), expected, "{codes:?}");
    }

    #[test]
    fn the_worst_code_wins() {
        check(&[], HELD);
        check(&[HELD, NOT_PROVEN], NOT_PROVEN);
        check(&[WORLD_FAILED, NOT_PROVEN], WORLD_FAILED);
        check(&[WORLD_FAILED, VIOLATED, HELD], VIOLATED);
        check(&[VIOLATED, WRONG], WRONG);
        check(&[WRONG, INTERRUPTED], INTERRUPTED);
    }
}
