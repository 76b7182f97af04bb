//! One of the shop's services, chosen by the first argument: `shop orders`, `shop payments`, `shop dashboard` and so on.
//!
//! Exit codes: 0 stopped by SIGTERM, 1 could not go on, 2 the command line or a setting is wrong.

use std::io::IsTerminal;
use std::process::ExitCode;

use harness_tests::shop::{self, Service, Settings};
use tracing_subscriber::EnvFilter;

const COULD_NOT_GO_ON: u8 = 1;
const WRONGLY_STARTED: u8 = 2;

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();

    let name = std::env::args().nth(1).unwrap_or_default();
    let service = match Service::from_settings(&name, &Settings::from_environment()) {
        Ok(service) => service,
        Err(wrong) => {
            eprintln!("shop: {wrong:#}");
            return ExitCode::from(WRONGLY_STARTED);
        }
    };
    match shop::run(service) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shop {name}: {error:#}");
            ExitCode::from(COULD_NOT_GO_ON)
        }
    }
}
