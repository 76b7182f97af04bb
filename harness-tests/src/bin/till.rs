//! A service of the till, named by its argument.

use harness_tests::till;

fn main() -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    till::run(&std::env::args().nth(1).unwrap_or_default())
}
