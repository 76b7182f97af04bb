//! The address that a container has itself.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use testcontainers::bollard::models::ContainerInspectResponse;
use testcontainers::core::client::docker_client_instance;

/// Where a port of a container is found on its own network; `None` where that leads nowhere from here, or elsewhere: the
/// engine may be in a virtual machine, as on a Mac, or in another network.
pub async fn own(container: &str, port: u16) -> Option<SocketAddr> {
    let docker = docker_client_instance().await.ok()?;
    let found = docker.inspect_container(container, None).await.ok()?;
    runs_here(&found).then(|| address(found, port))?
}

/// Whether its first process is one of this machine.
fn runs_here(found: &ContainerInspectResponse) -> bool {
    let process = found.state.as_ref().and_then(|state| state.pid).unwrap_or_default();
    let groups = std::fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap_or_default();
    found.id.as_ref().is_some_and(|id| !id.is_empty() && groups.contains(id.as_str()))
}

/// Its address on a network of which this machine is a member.
fn address(found: ContainerInspectResponse, port: u16) -> Option<SocketAddr> {
    let networks = found.network_settings?.networks?;
    let address = |text: Option<String>| text?.parse::<IpAddr>().ok();
    let is_ours = |gateway| UdpSocket::bind((gateway, 0)).is_ok();
    let mut reached = networks.into_values().filter_map(|network| {
        address(network.gateway).filter(|gateway| is_ours(*gateway))?;
        address(network.ip_address)
    });
    Some((reached.next()?, port).into())
}
