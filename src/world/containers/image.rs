//! Images: is one here, and if not, how far is its pull?

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error;
use testcontainers::bollard::query_parameters::CreateImageOptionsBuilder;
use tokio::time::timeout;

use crate::world::WorldError;

/// How long the engine may take to say that it is there.
const ENGINE_LIMIT: Duration = Duration::from_secs(10);
/// Without any news for so long a pull has stalled.
const PULL_LIMIT: Duration = Duration::from_secs(120);

/// Whether a Docker engine is there.
pub async fn engine_answers(docker: &Docker) -> Result<(), WorldError> {
    match timeout(ENGINE_LIMIT, docker.ping()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(WorldError::NoEngine(first_line(&error))),
        Err(_) => Err(WorldError::NoEngine(format!("no answer within {} s", ENGINE_LIMIT.as_secs()))),
    }
}

/// Whether the engine has this image.
pub async fn is_here(docker: &Docker, image: &str) -> Result<bool, WorldError> {
    match docker.inspect_image(image).await {
        Ok(_) => Ok(true),
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
        Err(error) => Err(WorldError::NoEngine(first_line(&error))),
    }
}

/// Pulls the image unless it is here.
pub async fn ensure(
    docker: &Docker,
    image: &str,
    variable: &'static str,
    key: &'static str,
    progress: &mut dyn FnMut(&str),
) -> Result<(), WorldError> {
    if is_here(docker, image).await? {
        return Ok(());
    }
    progress(&format!("pulling {image}"));
    let failed = |reason: String| WorldError::NoImage { image: image.to_owned(), reason, variable, key };
    let (name, tag) = name_and_tag(image);
    let options = CreateImageOptionsBuilder::default().from_image(name).tag(tag).build();
    let mut news = std::pin::pin!(docker.create_image(Some(options), None, None));
    let mut layers: HashMap<String, (i64, i64)> = HashMap::new();
    loop {
        match timeout(PULL_LIMIT, news.next()).await {
            Ok(None) => return Ok(()),
            Ok(Some(Ok(info))) => {
                let detail = info.progress_detail.unwrap_or_default();
                if let (Some(layer), Some(current), Some(total)) = (info.id, detail.current, detail.total) {
                    layers.insert(layer, (current, total));
                    let (current, total) =
                        layers.values().fold((0, 0), |sum, layer| (sum.0 + layer.0, sum.1 + layer.1));
                    progress(&format!(
                        "pulling {image}: {} of {} MB",
                        current / 1_000_000,
                        total / 1_000_000
                    ));
                }
            }
            Ok(Some(Err(error))) => return Err(failed(first_line(&error))),
            Err(_) => return Err(failed(format!("nothing came for {} s", PULL_LIMIT.as_secs()))),
        }
    }
}

/// `apache/kafka:4.1.1` is a name and a tag; a port of a host is none.
fn name_and_tag(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') && !image.contains('@') => (name, tag),
        _ if image.contains('@') => (image, ""),
        _ => (image, "latest"),
    }
}

fn first_line(error: &Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(image: &str, expected: (&str, &str)) {
        assert_eq!(name_and_tag(image), expected, "{image}");
    }

    #[test]
    fn an_image_is_a_name_and_a_tag() {
        check("apache/kafka:4.1.1", ("apache/kafka", "4.1.1"));
        check("postgres", ("postgres", "latest"));
        check("localhost:5000/postgres", ("localhost:5000/postgres", "latest"));
        check("localhost:5000/postgres:17", ("localhost:5000/postgres", "17"));
        check("postgres@sha256:0123", ("postgres@sha256:0123", ""));
    }
}
