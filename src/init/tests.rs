//! Sample projects, and the specs that are written for them. Each spec is one that the parser takes.

use std::path::Path;

use crate::init::{Found, NotFound, draft, look, look_at_service};
use crate::spec::Spec;

/// The spec, and the schema if there is one, for a project called `shop` of these files.
#[track_caller]
fn check(name: &str, files: &[(&str, &str)]) {
    check_as(name, files, |folder| look(folder).expect("a project"));
}

#[track_caller]
fn check_as(name: &str, files: &[(&str, &str)], look: impl FnOnce(&Path) -> Found) {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("shop");
    lay_out(&folder, files);
    let draft = draft(&look(&folder));
    let mut told = draft.spec.1.clone();
    lay_out(&folder, &[(&draft.spec.0, &draft.spec.1)]);
    if let Some((path, text)) = &draft.schema {
        lay_out(&folder, &[(path, text)]);
        told.push_str(&format!("\n--- {path}\n{text}"));
    }
    if let Err(problems) = Spec::load(&folder.join(&draft.spec.0)) {
        panic!("{}\n{told}", problems.render(false, 100));
    }
    insta::assert_snapshot!(name, told);
}

fn lay_out(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }
}

const PAYMENTS: &str = "\
create table payments (
    order_id text primary key,
    customer text not null,
    amount bigint not null
);
create table handled_events (event_id text primary key);
";

#[test]
fn a_node_consumer() {
    check(
        "node",
        &[
            (
                "package.json",
                r#"{"name": "@shop/payments", "scripts": {"build": "tsc", "start": "node dist/main.js"}}"#,
            ),
            ("package-lock.json", "{}"),
            (
                "src/settings.ts",
                "const brokers = required(env, \"KAFKA_BROKERS\");\nconst gateway = process.env.GATEWAY_URL;",
            ),
            (
                "src/database.ts",
                "new Pool({ connectionString: process.env.DATABASE_URL });\nprocess.env.LOG_LEVEL;",
            ),
            ("src/main.ts", "await consumer.subscribe({ topics: [\"order-events\"], fromBeginning: true });"),
            ("src/gateway.ts", "await fetch(`${this.url}/charges`, { method: \"POST\" });"),
            ("schema.sql", PAYMENTS),
            ("node_modules/kafkajs/index.js", "process.env.NOT_OF_THE_PROJECT_URL"),
        ],
    );
}

#[test]
fn a_spring_service_with_migrations_of_its_own() {
    let pom = "<project><parent><artifactId>spring-boot-starter-parent</artifactId><version>3.5.0</version></parent>\
               <artifactId>payments</artifactId><version>1.2.0</version><dependencies>spring-kafka \
               spring-boot-starter-data-jpa spring-boot-starter-web spring-boot-starter-actuator flyway-core</dependencies>\
               </project>";
    let settings = "spring:\n  datasource:\n    url: jdbc:postgresql://localhost:5432/billing\n    username: billing\n    \
                    password: secret\npayments:\n  gateway-url: ${GATEWAY_URL:http://localhost:9000}\n";
    check(
        "spring",
        &[
            ("pom.xml", pom),
            ("src/main/resources/application.yml", settings),
            ("src/main/resources/db/migration/V1__payments.sql", PAYMENTS),
            ("src/main/java/shop/OrderListener.java", "@KafkaListener(topics = \"order-events\")"),
            ("src/main/java/shop/Gateway.java", "http.post().uri(\"/charges\").body(charge)"),
        ],
    );
}

#[test]
fn a_go_service_that_is_told_the_parts_of_its_database() {
    let compose = "services:\n  db:\n    image: postgres:17\n    environment:\n      POSTGRES_DB: stock\n  inventory:\n    \
                   build: .\n    environment:\n      - DB_HOST=db\n      - DB_PORT=5432\n      - DB_USER=stock\n      - \
                   DB_PASSWORD=secret\n      - DB_NAME=stock\n      - KAFKA_BROKERS=kafka:9092\n      - PORT=8080\n    \
                   healthcheck:\n      test: [\"CMD\", \"curl\", \"-f\", \"http://localhost:8080/healthz\"]\n";
    check(
        "go",
        &[
            ("go.mod", "module example.com/shop/inventory\n\ngo 1.24\n"),
            ("docker-compose.yml", compose),
            ("cmd/inventory/main.go", "package main\n\nmux.HandleFunc(\"POST /reservations\", reserve)\n"),
            (
                "cmd/inventory/events.go",
                "package main\n\nrecord := &kgo.Record{Topic: \"stock-events\", Value: value}\n",
            ),
            (
                "migrations/002_reserved.up.sql",
                "create table reservations (reservation_id text primary key, sku text, quantity int);",
            ),
            (
                "migrations/001_stock.up.sql",
                "create table stock (sku text primary key, available integer not null);",
            ),
            ("migrations/001_stock.down.sql", "drop table stock; -- create table"),
        ],
    );
}

#[test]
fn two_services_in_folders() {
    check(
        "two_services",
        &[
            ("services/orders/requirements.txt", "fastapi\nuvicorn\naiokafka\nasyncpg\n"),
            (
                "services/orders/main.py",
                "app = FastAPI()\n@app.post(\"/orders\")\n@app.get(\"/health\")\nos.environ[\"DATABASE_URL\"]\n\
                 os.environ[\"KAFKA_BOOTSTRAP_SERVERS\"]\nos.environ[\"PORT\"]\nTOPIC = \"order-events\"\n",
            ),
            (
                "services/orders/schema.sql",
                "create table orders (order_id text primary key, sku text, quantity int, status text default 'placed');",
            ),
            ("services/mailer/Cargo.toml", "[package]\nname = \"mailer\"\nversion = \"0.1.0\"\n"),
            (
                "services/mailer/src/main.rs",
                "env::var(\"KAFKA_BROKERS\")\nenv::var(\"ORDERS_URL\")\nenv::var(\"SMTP_API_URL\")\nenv::var(\"REDIS_URL\")\n\
                 consumer.subscribe(&[\"order-events\"])",
            ),
        ],
    );
}

#[test]
fn a_sink_that_has_no_manifest() {
    let route = "from(\"kafka:order-events?brokers={{env:BROKERS}}\").to(\"sql:insert\")";
    check_as(
        "sink",
        &[
            ("routes/OrdersRoute.java", route),
            ("application.properties", "camel.brokers={{env:BROKERS}}\ncamel.jdbc={{env:PG_URL}}\n"),
            (
                "schema.sql",
                "create table payments (id bigserial primary key, order_id text not null, amount bigint);",
            ),
        ],
        |folder| look_at_service(folder, "java -cp 'lib/*' org.apache.camel.main.Main"),
    );
}

#[test]
fn a_service_of_which_nothing_is_known() {
    check_as("unknown", &[], |folder| look_at_service(folder, "sh -c 'echo a: b'"));
}

fn refused(files: &[(&str, &str)], expected: NotFound) {
    let home = tempfile::tempdir().expect("a folder");
    lay_out(home.path(), files);
    assert_eq!(look(home.path()).err(), Some(expected), "{files:?}");
}

#[test]
fn what_cannot_be_tested_is_told() {
    refused(&[], NotFound::Service);
    refused(&[("README.md", "nothing")], NotFound::Service);
    refused(&[("go.mod", "module a\n"), ("main.go", "package main\n")], NotFound::Addresses);
    refused(&[("package.json", "{ not json")], NotFound::Service);
}
