//! How the containers are configured. Their ports are published on the loopback interface alone.
//!
//! A server has the same port in its container as on the loopback interface. No other world on this machine has that one at the same
//! time, so what once was the address of a container that has gone hardly leads to the server of another world.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::core::{IntoContainerPort, Mount};
use testcontainers::{ContainerRequest, GenericImage, ImageExt};

/// Where Kafka speaks to itself in its container: below the ports that systems give away as free.
const CONTROLLER_PORT: u16 = 9093;
/// Data of Postgres, in memory: it is thrown away.
const DATA: &str = "/steadfast-data";

/// Apache Kafka as one node in KRaft mode, for clients at this port.
pub fn kafka(image: &str, port: u16) -> ContainerRequest<GenericImage> {
    const SETTINGS: &[(&str, &str)] = &[
        ("CLUSTER_ID", "c3RlYWRmYXN0LXdvcmxkMQ"),
        ("KAFKA_NODE_ID", "1"),
        ("KAFKA_PROCESS_ROLES", "broker,controller"),
        ("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"),
        ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
        ("KAFKA_INTER_BROKER_LISTENER_NAME", "PLAINTEXT"),
        // Not in memory: a restart of the container would empty it.
        ("KAFKA_LOG_DIRS", "/var/lib/kafka/data"),
        ("KAFKA_HEAP_OPTS", "-Xms256m -Xmx512m"),
        // One node has one replica; fewer partitions of Kafka's own topics are made sooner.
        ("KAFKA_DEFAULT_REPLICATION_FACTOR", "1"),
        ("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1"),
        ("KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS", "1"),
        ("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1"),
        ("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1"),
        ("KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS", "1"),
        ("KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR", "1"),
        ("KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR", "1"),
        // Services join groups all the time here: nobody waits for more members, or for a dead one.
        ("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0"),
        ("KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS", "100"),
        // A service may give its records old times: they shall not expire in the middle of a case.
        ("KAFKA_LOG_RETENTION_MS", "-1"),
        // A spec names its topics; one that is made by accident would hide a wrong name.
        ("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false"),
        // Topics are made anew for every fresh start: what is deleted shall not fill the memory for a minute.
        ("KAFKA_LOG_SEGMENT_DELETE_DELAY_MS", "1000"),
        // Its buffer is 128 MB otherwise.
        ("KAFKA_LOG_CLEANER_DEDUPE_BUFFER_SIZE", "4194304"),
    ];
    let request = published(image, port)
        .with_env_var(
            "KAFKA_LISTENERS",
            format!("PLAINTEXT://:{port},CONTROLLER://localhost:{CONTROLLER_PORT}"),
        )
        .with_env_var("KAFKA_CONTROLLER_QUORUM_VOTERS", format!("1@localhost:{CONTROLLER_PORT}"))
        // Never dialled: with one broker the seam goes where the world says it is.
        .with_env_var("KAFKA_ADVERTISED_LISTENERS", format!("PLAINTEXT://localhost:{port}"));
    SETTINGS.iter().fold(request, |request, (name, value)| request.with_env_var(*name, *value))
}

/// Postgres with logical decoding at this port; see the flags of the embedded server for the reasons.
pub fn postgres(image: &str, password: &str, port: u16) -> ContainerRequest<GenericImage> {
    const SETTINGS: &[&str] = &[
        "fsync=off",
        "full_page_writes=off",
        "synchronous_commit=on",
        "wal_level=logical",
        "max_wal_size=1GB",
        "max_replication_slots=64",
        "max_wal_senders=64",
        "max_connections=300",
        "shared_buffers=64MB",
        "dynamic_shared_memory_type=mmap",
        "jit=off",
        "autovacuum_naptime=10s",
        "timezone=UTC",
        "log_timezone=UTC",
    ];
    let port_setting = format!("port={port}");
    let command = SETTINGS.iter().copied().chain([&port_setting[..]]).flat_map(|setting| ["-c", setting]);
    published(image, port)
        .with_cmd(std::iter::once("postgres").chain(command))
        .with_env_var("POSTGRES_PASSWORD", password)
        .with_env_var("PGPORT", port.to_string())
        .with_env_var("PGDATA", format!("{DATA}/pgdata"))
        .with_mount(Mount::tmpfs_mount(DATA).with_mode(0o1777))
}

fn published(image: &str, port: u16) -> ContainerRequest<GenericImage> {
    let (name, tag) = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    };
    let loopback = move |config: &mut HostConfig| {
        let host_port = Some(port.to_string());
        let binding = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port };
        let bindings = [(format!("{port}/tcp"), Some(vec![binding]))];
        config.port_bindings = Some(bindings.into_iter().collect());
        config.publish_all_ports = Some(false);
    };
    ContainerRequest::from(GenericImage::new(name, tag).with_exposed_port(port.tcp()))
        .with_host_config_modifier(loopback)
}

/// A port that is free now. If the engine chose one, a container that is restarted would be found elsewhere.
///
/// # Errors
/// None can be had.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
