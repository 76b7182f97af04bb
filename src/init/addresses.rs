//! What a variable is for, by its name and by what it holds today.

/// What a variable tells a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Means {
    /// Where Kafka is.
    Kafka,
    /// Where Postgres is, or a part of that: `host`, `port`, `user`, `password`, `name`; `jdbc`: as JVMs write it.
    Postgres(Option<&'static str>),
    /// The port that it shall listen on.
    Port,
    /// The address of another HTTP service of this name.
    Http(String),
    /// Something that steadfast does not have.
    Unsupported(&'static str),
}

/// What `name` is for; `None`: none of steadfast's business.
pub(super) fn means(name: &str, value: Option<&str>) -> Option<Means> {
    let value = value.unwrap_or_default();
    let words: Vec<&str> = name.split('_').collect();
    let has = |word: &str| words.contains(&word);
    let ends = |end: &str| words.last() == Some(&end);
    if name.contains("SCHEMA_REGISTRY") {
        return Some(Means::Unsupported("a schema registry"));
    }
    if has("REDIS") || value.starts_with("redis:") {
        return Some(Means::Unsupported("Redis"));
    }
    if value.starts_with("mysql:") || value.starts_with("mongodb:") || has("MYSQL") || has("MONGO") {
        return Some(Means::Unsupported("databases other than Postgres"));
    }
    let is_about_kafka = name.contains("KAFKA") || name.contains("REDPANDA");
    if name.contains("BROKERS") || name.contains("BOOTSTRAP") || (is_about_kafka && is_address(&words)) {
        return Some(Means::Kafka);
    }
    if is_about_kafka {
        return None;
    }
    let is_of_database = ["DATABASE", "DB", "POSTGRES", "POSTGRESQL", "DATASOURCE"].into_iter().any(&has)
        || words.first().is_some_and(|word| word.starts_with("PG"));
    if value.starts_with("jdbc:postgresql:") || name == "SPRING_DATASOURCE_URL" {
        return Some(Means::Postgres(Some("jdbc")));
    }
    if value.starts_with("postgres:") || value.starts_with("postgresql:") {
        return Some(Means::Postgres(None));
    }
    if is_of_database {
        return of_database(name, &words);
    }
    if matches!(name, "PORT" | "SERVER_PORT" | "HTTP_PORT" | "APP_PORT" | "LISTEN_PORT") {
        return Some(Means::Port);
    }
    let is_http =
        value.starts_with("http:") || value.starts_with("https:") || (value.is_empty() && ends("URL"));
    let of = words
        .iter()
        .take_while(|word| !matches!(**word, "URL" | "BASE" | "API" | "ENDPOINT" | "URI" | "SERVICE"));
    let of = of.copied().collect::<Vec<_>>().join("-").to_ascii_lowercase();
    let is_own = matches!(of.as_str(), "" | "app" | "public" | "self" | "server" | "http");
    (is_http && !is_own).then_some(Means::Http(of))
}

fn is_address(words: &[&str]) -> bool {
    words
        .iter()
        .any(|word| matches!(*word, "URL" | "HOST" | "HOSTS" | "SERVERS" | "ADDRESS" | "ADDR" | "BROKER"))
        || words == ["KAFKA"]
}

fn of_database(name: &str, words: &[&str]) -> Option<Means> {
    let last = words.last().copied().unwrap_or_default();
    let part = match (name, last) {
        (_, "URL" | "URI" | "DSN" | "CONNECTION" | "CONN") => None,
        ("PGHOST", _) | (_, "HOST" | "HOSTNAME" | "SERVER") => Some("host"),
        ("PGPORT", _) | (_, "PORT") => Some("port"),
        ("PGUSER", _) | (_, "USER" | "USERNAME") => Some("user"),
        ("PGPASSWORD", _) | (_, "PASSWORD" | "PASS") => Some("password"),
        ("PGDATABASE", _) | (_, "NAME" | "DB" | "DATABASE") => Some("name"),
        _ => return None,
    };
    Some(Means::Postgres(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, expected: Option<Means>) {
        assert_eq!(means(name, Some(value).filter(|value| !value.is_empty())), expected, "{name}={value}");
    }

    #[test]
    fn a_variable_is_known_by_its_name_and_value() {
        check("KAFKA_BROKERS", "", Some(Means::Kafka));
        check("SPRING_KAFKA_BOOTSTRAP_SERVERS", "", Some(Means::Kafka));
        check("KAFKA_HOST", "localhost:9092", Some(Means::Kafka));
        check("KAFKA_TOPIC", "orders", None);
        check("KAFKA_GROUP_ID", "", None);
        check("DATABASE_URL", "", Some(Means::Postgres(None)));
        check("ORDERS_DSN", "postgres://localhost/orders", Some(Means::Postgres(None)));
        check("SPRING_DATASOURCE_URL", "", Some(Means::Postgres(Some("jdbc"))));
        check("DB_HOST", "db", Some(Means::Postgres(Some("host"))));
        check("PGPASSWORD", "secret", Some(Means::Postgres(Some("password"))));
        check("DB_POOL_SIZE", "5", None);
        check("PORT", "8080", Some(Means::Port));
        check("GATEWAY_URL", "", Some(Means::Http("gateway".to_owned())));
        check("MAIL_API_BASE_URL", "https://mail.example", Some(Means::Http("mail".to_owned())));
        check("PUBLIC_URL", "https://shop.example", None);
        check("LOG_LEVEL", "info", None);
        check("REDIS_URL", "redis://localhost", Some(Means::Unsupported("Redis")));
    }
}
