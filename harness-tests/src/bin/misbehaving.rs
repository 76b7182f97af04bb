//! A service that does one thing wrong, named by its argument; what steadfast says of it is tested.
//!
//! It knows only the standard library, so that it starts at once and fails exactly where it is told to.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, ExitCode};

/// What the log is flooded with, in bytes.
const FLOOD: usize = 100_000_000;

fn main() -> ExitCode {
    let fault = std::env::args().nth(1).unwrap_or_default();
    eprintln!("a service that {fault}");
    match fault.as_str() {
        "exits-at-once" => {
            eprintln!("fatal: DATABASE_PASSWORD is not set");
            return ExitCode::from(3);
        }
        "finds-its-port-taken" => {
            let port = variable("TAKEN_PORT");
            if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                eprintln!("cannot listen on {port}: {error}");
                return ExitCode::FAILURE;
            }
        }
        // Before it listens, so that whoever finds it ready has read all of it.
        "floods-its-log" => flood(),
        "leaves-a-child" => {
            // Never waited for: whoever ends this service must end its child too.
            if let Err(error) = Command::new("sleep").arg("1000").spawn() {
                eprintln!("cannot start a child: {error}");
                return ExitCode::FAILURE;
            }
        }
        _ => {}
    }
    serve(&fault)
}

/// Answers one request after the other, as wrong as it is told to.
fn serve(fault: &str) -> ExitCode {
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, variable("PORT"))) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("cannot listen: {error}");
            return ExitCode::FAILURE;
        }
    };
    if fault == "logs-that-it-serves" {
        println!("2026-01-01 INFO web: serving on {}", variable("PORT"));
    }
    let mut unanswered = Vec::new();
    for connection in listener.incoming().flatten() {
        let Some(path) = path_of(&connection) else { continue };
        let is_health = path == "/health";
        match fault {
            "is-never-ready" => answer(connection, "503 Service Unavailable"),
            _ if is_health => answer(connection, "200 OK"),
            "exits-on-a-request" => {
                eprintln!("panicked at orders.rs:42: no such sku");
                return ExitCode::from(101);
            }
            "hangs-on-requests" => unanswered.push(connection),
            "refuses-everything" => answer(connection, "422 Unprocessable Entity"),
            "fails-everything" => answer(connection, "500 Internal Server Error"),
            "has-another-path" => answer(connection, "404 Not Found"),
            _ => answer(connection, "201 Created"),
        }
    }
    ExitCode::SUCCESS
}

fn variable(name: &str) -> u16 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The path of a request, after all of it was read; a half-read request resets its connection.
fn path_of(connection: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(connection);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(text) = line.strip_prefix("content-length:") {
            length = text.trim().parse().ok()?;
        }
    }
    std::io::copy(&mut std::io::Read::take(reader, length), &mut std::io::sink()).ok()?;
    first.split(' ').nth(1).map(str::to_owned)
}

fn answer(mut connection: TcpStream, status: &str) {
    // A client that went away needs no answer.
    let _ = write!(connection, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

fn flood() {
    let line = [b'x'; 1023].into_iter().chain([b'\n']).collect::<Vec<u8>>();
    let mut out = std::io::stdout().lock();
    for _ in 0..FLOOD / line.len() {
        if out.write_all(&line).is_err() {
            return;
        }
    }
    // Lines without end are read as patiently.
    let _ = out.write_all(&vec![b'y'; FLOOD / 10]);
}
