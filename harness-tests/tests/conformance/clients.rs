//! The clients: real libraries behind one protocol of requests and answers, see `harness-tests/conformance/PROTOCOL.md`.

use std::net::SocketAddr;

use serde_json::Value;

use crate::librdkafka::Librdkafka;
use crate::program::Program;

/// A library that is told what to do.
pub trait Client: Send {
    /// Carries a request out: `{"ok": …}` or `{"error": NAME}`.
    fn ask(&mut self, request: &Value) -> Value;
}

/// A client, by the name of its library.
pub struct Library {
    pub name: &'static str,
    /// What the build script calls it; none if it is built with this program.
    built_as: Option<&'static str>,
    /// How it is started, from the folder of what was built.
    command: &'static [&'static str],
}

/// All of them.
pub const LIBRARIES: &[Library] = &[
    Library { name: "librdkafka", built_as: None, command: &[] },
    Library {
        name: "Java",
        built_as: Some("java"),
        command: &["java", "-Xmx256m", "-jar", "./java/client.jar"],
    },
    Library { name: "kafkajs", built_as: Some("node"), command: &["node", "./node/client.js"] },
    Library {
        name: "kafka-python",
        built_as: Some("python"),
        command: &["./python/venv/bin/python", "./python/client.py"],
    },
    Library { name: "franz-go", built_as: Some("go"), command: &["./go/client"] },
];

impl Library {
    /// Builds what is not fresh.
    pub fn build(&self) {
        self.built_as.into_iter().for_each(Program::build);
    }

    /// Starts it for one broker.
    pub fn start(&self, broker: SocketAddr) -> Box<dyn Client> {
        match self.command {
            [] => Box::new(Librdkafka::new(broker)),
            [program, arguments @ ..] => Box::new(Program::start(program, arguments, broker)),
        }
    }
}

impl Client for Program {
    fn ask(&mut self, request: &Value) -> Value {
        Program::ask(self, request)
    }
}
