//! Every service is given its addresses: its own port, and its own way through each seam.
//!
//! A process finds the seams on the loopback interface, a container on the bridge of Docker, and a service that runs
//! already on the ports on which it looks for them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use indexmap::IndexMap;

use super::port::free_port;
use super::service::{Given, RunningService};
use super::{RunError, System};
use crate::adapter::container::bridge;
use crate::seam::LOOPBACK;
use crate::seam::http::Callee;
use crate::spec::{MadeOf, Service, Variant};

/// By what a service calls them in `${…}`.
type Addresses = IndexMap<String, String>;

impl System {
    /// Gives all services their addresses, and their files.
    pub(super) async fn wire_services(&mut self) -> Result<(), RunError> {
        let spec = Arc::clone(&self.spec);
        let bridge = match spec.services.values().any(is_container) {
            true => Some(bridge().await.map_err(no_bridge)?),
            false => None,
        };
        let mut http = IndexMap::new();
        for (name, service) in &spec.services {
            if let Some(address) = own_address(name, service).await? {
                http.insert(name.clone(), address);
                self.called.insert(name.clone(), Callee::service(name, address, self.conductor.clone()));
            }
        }
        let variant = self.variant.as_ref().and_then(|name| spec.variants.get(name));
        let run = self.next_tag();
        if bridge.is_some() {
            self.supervisor.remove_containers_at_end(&run).map_err(RunError::io("the supervisor"))?;
        }
        for (name, service) in &spec.services {
            let http = http.get(name).copied();
            let mut addresses = self.addresses(name, service, bridge).await?;
            addresses.extend(inner_port(service, http).map(|port| ("port".to_owned(), port.to_string())));
            let over = variant.and_then(|variant: &Variant| variant.env.get(name));
            let lookup = |reference: &str| addresses.get(reference).cloned();
            let (inner_port, is_reader) = (inner_port(service, http), spec.is_named_reader(name));
            let given = Given { over, http, inner_port, run: &run, is_reader, lookup: &lookup };
            let mut running = RunningService::new(name, service, &given)?;
            self.write_files(name, service, &lookup, &mut running)?;
            if service.clock.is_some() {
                let tag = self.next_tag();
                running.wind_clock(&self.scratch.folder(&tag, &self.supervisor)?)?;
            }
            self.services.insert(name.clone(), running);
        }
        Ok(())
    }

    /// Where this service finds everything.
    async fn addresses(
        &self,
        name: &str,
        service: &Service,
        bridge: Option<IpAddr>,
    ) -> Result<Addresses, RunError> {
        let mut addresses = Addresses::new();
        let place = |what: &str| place(service, what, bridge);
        let failed = |what: &str| RunError::io(no_place(name, what, self::place(service, what, bridge)));
        for (other, called) in self.called.iter().filter(|(other, _)| *other != name) {
            let address = called.listen_at(name, place(other)).await.map_err(failed(other))?;
            addresses.insert(other.clone(), format!("http://{address}"));
        }
        if let Some(kafka) = &self.kafka {
            let address = kafka.listen_at(name, place("kafka")).await.map_err(failed("kafka"))?;
            addresses.insert("kafka".to_owned(), address.to_string());
        }
        for (database_name, database) in &self.databases {
            let Some(postgres) = &self.postgres else { continue };
            let what = format!("postgres.{database_name}");
            let address = postgres.listen_at(name, database_name, place(&what)).map_err(failed(&what))?;
            let (user, password) = database.account();
            let parts = [
                ("", database.url_through(address)),
                (".jdbc", database.jdbc_url_through(address)),
                (".host", address.ip().to_string()),
                (".port", address.port().to_string()),
                (".user", user),
                (".password", password),
                (".name", database.name().to_owned()),
            ];
            addresses.extend(parts.map(|(part, value)| (format!("{what}{part}"), value)));
        }
        for (dependency, called) in &self.dependencies {
            let what = format!("dependencies.{dependency}");
            let address = called.listen_at(name, place(&what)).await.map_err(failed(&what))?;
            addresses.insert(what, format!("http://{address}"));
        }
        Ok(addresses)
    }

    fn write_files(
        &mut self,
        name: &str,
        service: &Service,
        lookup: &dyn Fn(&str) -> Option<String>,
        running: &mut RunningService,
    ) -> Result<(), RunError> {
        for (number, (path, template)) in service.files.iter().enumerate() {
            let unknown = |reference| {
                RunError::Spec(format!(
                    "service `{name}`: `${{{reference}}}` in the file {path} is not known"
                ))
            };
            let text = template.fill(lookup).map_err(unknown)?;
            if is_container(service) {
                let tag = self.next_tag();
                let here = self.scratch.folder(&tag, &self.supervisor)?.join(format!("{name}-{number}"));
                self.scratch.write(name, &here, &text, &self.supervisor)?;
                running.mount(here, path);
            } else {
                self.scratch.write(name, &service.directory.join(path), &text, &self.supervisor)?;
            }
        }
        Ok(())
    }
}

fn is_container(service: &Service) -> bool {
    matches!(service.made_of, MadeOf::Container { .. })
}

/// Where a service is found by others, if it listens at all.
async fn own_address(name: &str, service: &Service) -> Result<Option<SocketAddr>, RunError> {
    if let MadeOf::Attached { address, .. } = &service.made_of {
        let failed = || RunError::io(format!("service `{name}`: `address: http://{address}`"));
        let mut found = tokio::net::lookup_host(address).await.map_err(failed())?;
        let none = || failed()(std::io::Error::other("the name means no address"));
        return found.next().ok_or_else(none).map(Some);
    }
    match service.uses_port() {
        true => free_port().await.map(Some).map_err(RunError::io(format!("a port for `{name}`"))),
        false => Ok(None),
    }
}

/// The port on which the service itself listens: in a container it may be another one than outside.
fn inner_port(service: &Service, http: Option<SocketAddr>) -> Option<u16> {
    match service.made_of {
        MadeOf::Container { port: Some(port), .. } => Some(port),
        MadeOf::Process(_)
        | MadeOf::Container { port: None, .. }
        | MadeOf::Attached { .. }
        | MadeOf::Adapter(_) => http.map(|address| address.port()),
    }
}

/// Where a service looks for something.
fn place(service: &Service, what: &str, bridge: Option<IpAddr>) -> SocketAddr {
    match (&service.made_of, bridge) {
        (MadeOf::Attached { listen, .. }, _) => {
            listen.get(what).map_or(LOOPBACK, |port| SocketAddr::from((Ipv4Addr::LOCALHOST, *port)))
        }
        (MadeOf::Container { .. }, Some(bridge)) => SocketAddr::new(bridge, 0),
        (MadeOf::Container { .. } | MadeOf::Process(_) | MadeOf::Adapter(_), _) => LOOPBACK,
    }
}

fn no_place(service: &str, what: &str, place: SocketAddr) -> String {
    match place.port() {
        0 => format!("a listener on {} where `{service}` finds {what}", place.ip()),
        port => format!(
            "port {port}, on which `{service}` looks for {what} (`listen` of the service; \
             `ss -ltnp sport = :{port}` tells who has it)"
        ),
    }
}

fn no_bridge(reason: String) -> RunError {
    RunError::Spec(format!(
        "services with `image` need a Docker engine on this machine, whose bridge leads here: {reason}. `steadfast doctor` \
         tells whether one answers"
    ))
}
