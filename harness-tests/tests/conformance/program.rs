//! A client of a library in another language, in a process of its own: see `harness-tests/conformance/PROTOCOL.md`.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

/// The clients bound their own waits; one that is silent for longer is stuck.
const PATIENCE: Duration = Duration::from_secs(90);

/// A client in a process of its own. It ends when its input is closed.
pub struct Program {
    child: Child,
    requests: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl Program {
    /// Builds a client, if it is not fresh.
    pub fn build(name: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/build");
        let built = Command::new(script).arg(name).output().expect("the build script");
        assert!(built.status.success(), "{name}: {}", String::from_utf8_lossy(&built.stderr));
    }

    /// Starts it for one broker; a program that begins with a dot is one of those that were built.
    pub fn start(program: &str, arguments: &[&str], broker: SocketAddr) -> Program {
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/conformance");
        let built = built.canonicalize().expect("clients that were built");
        let program = if program.starts_with('.') { built.join(program) } else { PathBuf::from(program) };
        let mut child = Command::new(program)
            .args(arguments)
            .arg(broker.to_string())
            .current_dir(built)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What libraries log is much; a client that fails says so in its answer.
            .stderr(Stdio::null())
            .spawn()
            .expect("a client");
        let (answered, answers) = channel();
        let output = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if answered.send(line).is_err() {
                    return;
                }
            }
        });
        let requests = child.stdin.take();
        Program { child, requests, answers }
    }

    /// Carries a request out: `{"ok": …}` or `{"error": NAME}`.
    pub fn ask(&mut self, request: &Value) -> Value {
        let requests = self.requests.as_mut().expect("it is not dropped");
        writeln!(requests, "{request}").expect("a client that listens");
        let answer = self.answers.recv_timeout(PATIENCE);
        let answer = answer.unwrap_or_else(|error| panic!("no answer to {request}: {error}"));
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{request}: {error} in {answer}"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.requests.take();
        // Its consumers leave their groups in vain, the brokers go as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
