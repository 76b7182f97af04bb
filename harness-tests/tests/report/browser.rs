//! A headless Chromium, spoken to by its DevTools protocol, and everything that a page did in it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

const PROGRAMS: &[&str] = &["chromium", "chromium-browser", "google-chrome"];
/// Nothing that is asked of the browser here takes nearly as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page.
pub struct Browser {
    process: Child,
    socket: WebSocket<std::net::TcpStream>,
    session: String,
    asked: u64,
    /// Everything that the page made known: requests, errors, messages on the console.
    events: Vec<Value>,
    _folder: TempDir,
}

impl Browser {
    /// `None` where there is no Chromium; where the tests were set up for it, there must be one.
    pub fn start() -> Option<Browser> {
        let Some(program) = PROGRAMS.iter().find_map(|name| on_the_path(name)) else {
            assert!(
                std::env::var_os("STEADFAST_REQUIRE_BROWSER").is_none(),
                "no Chromium; `ci/setup test` installs it"
            );
            eprintln!("skipped: no Chromium on the PATH; `ci/setup test` installs it");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let mut process = Command::new(program)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage"])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .arg("about:blank")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("Chromium starts");
        let mut said = BufReader::new(process.stderr.take().expect("its output")).lines();
        let address = said
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("DevTools listening on ").map(str::to_owned))
            .expect("Chromium says where it listens");
        // It would stop at a full pipe.
        std::thread::spawn(move || said.for_each(drop));
        let host = address.trim_start_matches("ws://").split('/').next().expect("host and port");
        let stream = std::net::TcpStream::connect(host).expect("Chromium listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let (socket, _) = tungstenite::client(&address, stream).expect("a web socket");
        let (session, asked, events) = (String::new(), 0, Vec::new());
        let mut browser = Browser { process, socket, session, asked, events, _folder: folder };
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.ask("Target.attachToTarget", attach);
        browser.session = attached["sessionId"].as_str().expect("a session").to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.ask(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Opens a file and waits until it is there.
    pub fn open(&mut self, file: &Path) {
        self.events.clear();
        self.ask("Page.navigate", json!({ "url": format!("file://{}", file.display()) }));
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            self.read();
        }
    }

    /// How wide the window is, and whether the user likes it dark.
    pub fn look(&mut self, width: u32, height: u32, scheme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.ask("Emulation.setDeviceMetricsOverride", size);
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.ask("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// The value of an expression in the page; a promise is waited for.
    #[track_caller]
    pub fn value(&mut self, expression: &str) -> Value {
        let ask = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.ask("Runtime.evaluate", ask);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// What the page asked of the network, itself apart, and what went wrong in it.
    pub fn complaints(&mut self) -> Vec<String> {
        // Whatever happened before this is told before its answer.
        self.value("1");
        let complaint = |event: &Value| {
            let of = &event["params"];
            match event["method"].as_str()? {
                "Network.requestWillBeSent" if of["type"] != "Document" => {
                    // The icon that says that there is no icon.
                    let url = of["request"]["url"].as_str()?;
                    (!url.starts_with("data:")).then(|| format!("a request: {url}"))
                }
                "Runtime.exceptionThrown" => Some(format!("an exception: {}", of["exceptionDetails"])),
                "Runtime.consoleAPICalled" => Some(format!("on the console: {}", of["args"])),
                "Log.entryAdded" => Some(format!("in the log: {}", of["entry"])),
                _ => None,
            }
        };
        self.events.iter().filter_map(complaint).collect()
    }

    /// Writes what is seen to a file.
    pub fn photograph(&mut self, file: &Path) {
        let photo = self.ask("Page.captureScreenshot", json!({ "format": "png" }));
        let bytes = decoded(photo["data"].as_str().expect("a picture"));
        std::fs::write(file, bytes).expect("written");
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let mut request = json!({ "id": self.asked, "method": method, "params": params });
        if !self.session.is_empty() {
            request["sessionId"] = json!(self.session);
        }
        self.socket.send(Message::text(request.to_string())).expect("sent");
        loop {
            if let Some(answer) = self.read() {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// The next message: the answer to what was asked last, or `None` after an event.
    fn read(&mut self) -> Option<Value> {
        let message = self.socket.read().expect("Chromium goes on");
        let message: Value = serde_json::from_str(message.to_text().expect("text")).expect("JSON");
        if message["id"] == json!(self.asked) {
            return Some(message);
        }
        self.events.push(message);
        None
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn on_the_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Base64, as the protocol sends pictures.
fn decoded(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let digit = DIGITS.iter().position(|digit| *digit == letter).expect("base64");
        bits = bits << 6 | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}
