//! `world.dependencies`: outside HTTP services, played or real.

use serde_json::Value;

use super::world::{NAME_FORM, check_name, json, method_and_rest};
use crate::spec::problem::Problem;
use crate::spec::raw::{Node, shorten};
use crate::spec::reader::{Field, Reader};
use crate::spec::{Dependency, Pointer, Route, keys};

pub(super) fn read(reader: &Reader, field: &Field) -> Dependency {
    check_name(reader, field, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'), NAME_FORM);
    let entries = reader.entries(field, "route");
    let at = entries
        .iter()
        .find(|entry| entry.key == "at")
        .map(|entry| Field { label: format!("`at` of {}", field.label), ..entry.clone() });
    let routes = entries.iter().filter(|entry| entry.key != "at").filter_map(|entry| {
        if at.is_some() {
            answers_itself(reader, entry);
        }
        route(reader, entry)
    });
    Dependency { routes: routes.collect(), at: at.and_then(|at| address(reader, &at)) }
}

/// `host:port` of `http://host:port`; without a port it is 80, as ever.
pub(super) fn address(reader: &Reader, field: &Field) -> Option<String> {
    let text = reader.filled(field)?.trim();
    let refuse = |message: String, help: &str| {
        reader.report(Problem::at(&field.node.at, message).help(help));
        None
    };
    if text.starts_with("https://") {
        let message = format!("not supported yet: `https` in {}", field.label);
        return refuse(message, "give an address that is served without TLS: `http://HOST:PORT`");
    }
    let authority = text.strip_prefix("http://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let is_host = |host: &str| {
        let plain = host.trim_start_matches('[').trim_end_matches(']');
        !plain.is_empty()
            && plain.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'))
    };
    let found = authority.and_then(|authority| {
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
        let port = port.parse::<u16>().ok().filter(|port| *port > 0)?;
        is_host(host).then(|| format!("{host}:{port}"))
    });
    match found {
        Some(authority) => Some(authority),
        None => refuse(
            format!("{} is not an address: `{}`", field.label, shorten(text)),
            "write it as in `http://localhost:8080`, without a path: the service adds that",
        ),
    }
}

/// Reports what only a dependency that is played can do.
fn answers_itself(reader: &Reader, route: &Field) {
    if let Some((typed, _)) = route.node.entries().iter().find(|(typed, _)| typed.name == "reply") {
        let message = format!("`reply` of {} has no meaning beside `at`: the real one answers", route.label);
        reader.report(Problem::at(&typed.at, message).help("remove it, or remove `at` and have it played"));
    }
}

fn route(reader: &Reader, field: &Field) -> Option<Route> {
    let fields = reader.section(field, &keys::ROUTE);
    let reply = fields.get("reply").map(|field| reader.section(field, &keys::REPLY));
    let status =
        reply.as_ref().and_then(|reply| reader.whole(reply.get("status")?, 100..=599)).unwrap_or(200);
    let body = reply.as_ref().and_then(|reply| reply_body(reader, reply.get("body")?.node));
    let effect = fields.get("effect").and_then(|field| reader.filled(field)).map(str::to_owned);
    if effect.is_none()
        && let Some(field) = fields.get("key").or_else(|| fields.get("once_per"))
        && fields.get("effect").is_none()
    {
        reader.report(
            Problem::at(field.at, format!("{} has no meaning without an `effect`", field.label))
                .help("add `effect: NAME`, under which accepted calls are recorded"),
        );
    }
    let (method, path) =
        method_and_rest(reader, field.key, |part| field.at.start + part.start..field.at.start + part.end)?;
    if !path.starts_with('/') {
        let problem = Problem::at(field.at, format!("the path `{}` must begin with `/`", shorten(path)));
        reader.report(problem.help("write it as in `POST /charges/{id}`"));
    }
    Some(Route {
        method: method.to_owned(),
        path: path.to_owned(),
        effect,
        key: fields.get("key").and_then(|field| pointer(reader, field)),
        once_per: fields.get("once_per").and_then(|field| pointer(reader, field)),
        status: u16::try_from(status).unwrap_or(200),
        body,
        decline: fields.get("decline").map(|field| decline(reader, field)),
    })
}

/// Status and body of a refusal; 402 unless it says something else.
fn decline(reader: &Reader, field: &Field) -> (u16, Option<Value>) {
    let fields = reader.section(field, &keys::DECLINE);
    let status = fields.get("status").and_then(|field| reader.whole(field, 400..=499)).unwrap_or(402);
    let body = fields.get("body").and_then(|field| reply_body(reader, field.node));
    (u16::try_from(status).unwrap_or(402), body)
}

/// Plain JSON: what a reply could refer to is not known yet.
fn reply_body(reader: &Reader, node: &Node) -> Option<Value> {
    let body = json(node);
    if body.to_string().contains("${") {
        let problem = Problem::at(&node.at, "not supported yet: `${…}` in the body of a reply");
        reader.report(problem.help("the reply of a route is the same for every call"));
    }
    Some(body)
}

fn pointer(reader: &Reader, field: &Field) -> Option<Pointer> {
    let text = reader.filled(field)?.trim();
    let found = if let Some(members) = text.strip_prefix("body.") {
        let members: Vec<String> = members.split('.').map(str::to_owned).collect();
        members.iter().all(|member| !member.is_empty()).then_some(Pointer::Body(members))
    } else if let Some(name) = text.strip_prefix("header ") {
        let name = name.trim();
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        (!name.is_empty() && name.chars().all(legal)).then(|| Pointer::Header(name.to_owned()))
    } else if let Some(number) = text.strip_prefix("path.") {
        number.parse().ok().filter(|number| (1..=64).contains(number)).map(Pointer::Path)
    } else {
        None
    };
    if found.is_none() {
        let problem = Problem::at(
            &field.node.at,
            format!("{} does not say where to look: `{}`", field.label, shorten(text)),
        );
        reader.report(problem.help(format!("write {} (path segments count from 1)", keys::POINTER)));
    }
    found
}
