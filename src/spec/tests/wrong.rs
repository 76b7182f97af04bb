//! Wrong specs, and word for word what the user is told.

use super::{CHECKOUT, load, stable};

/// The right spec with some of its text replaced is refused as the snapshot `name` says.
#[track_caller]
fn check(name: &str, replaced: &[(&str, &str)]) {
    let mut text = CHECKOUT.to_owned();
    for (from, to) in replaced {
        assert_eq!(text.matches(from).count(), 1, "{name}: `{from}` must be in the spec once");
        text = text.replacen(from, to, 1);
    }
    check_bytes(name, text.as_bytes());
}

#[track_caller]
fn check_bytes(name: &str, bytes: &[u8]) {
    let problems = load(bytes).expect_err(name);
    insta::assert_snapshot!(name, stable(&problems.render(false, 100)));
}

#[test]
fn keys() {
    check(
        "unknown_key",
        &[("    run: target/release/shop payments", "    rum: target/release/shop payments")],
    );
    check("unknown_key_without_suggestion", &[("    start_within: 5s", "    colour: green")]);
    check("key_of_a_later_version", &[("    start_within: 5s", "    replicas: 3")]);
    check("duplicate_service", &[("  payments:\n    run", "  orders:\n    run")]);
    check("duplicate_key", &[("    weight: 4", "    weight: 4\n    weight: 5")]);
    check("missing_keys", &[("spec: checkout\nversion: 1\n", "")]);
    check(
        "comma_in_braces",
        &[(
            "    agree:\n      orders: select order_id, status from orders\n      dashboard: select order_id, status from dashboard",
            "    agree: { orders: select order_id, status from orders, dashboard: select 1 }",
        )],
    );
}

#[test]
fn values() {
    check("not_a_number", &[("partitions: 3", "partitions: three")]);
    check("number_out_of_range", &[("weight: 4", "weight: 0"), ("cases: 50", "cases: 99999999999999999999")]);
    check("duration_without_unit", &[("start_within: 5s", "start_within: 5")]);
    check("duration_out_of_range", &[("quiet_for: 80ms", "quiet_for: 2m")]);
    check("no_time_to_be_quiet", &[("quiet_for: 80ms", "quiet_for: 1m")]);
    check("list_for_a_map", &[("  audit: { delivery: exactly-once }", "  audit: [exactly-once]")]);
    check("map_for_a_text", &[("    run: target/release/shop payments", "    run: { command: shop }")]);
    check("no_value", &[("    run: target/release/shop payments", "    run:")]);
    check("not_a_choice", &[("delivery: at-least-once", "delivery: at_least_once")]);
    check("version_of_the_future", &[("version: 1", "version: 2")]);
    check("name_of_the_spec", &[("spec: checkout", "spec: Check Out")]);
    check("not_an_image", &[("kafka: apache/kafka-native:4.1.1", "kafka: apache kafka")]);
    check("missing_file", &[("schema: checkout.sql", "schema: chekout.sql")]);
    check("pointer", &[("key: body.order_id", "key: order_id")]);
    check("status", &[("status: 201", "status: 999")]);
    check("address_with_a_path", &[("http://localhost:8025", "http://localhost/api")]);
    check("address_with_tls", &[("http://localhost:8025", "https://localhost:8025")]);
    check("reply_of_a_real_one", &[("effect: mail,", "effect: mail, reply: { status: 201 },")]);
}

#[test]
fn references() {
    check("misspelt_service", &[("call: POST ${orders}/orders", "call: POST ${order_s}/orders")]);
    check(
        "misspelt_database",
        &[("DATABASE_URL: ${postgres.shop}\n    ready", "DATABASE_URL: ${postgres.shp}\n    ready")],
    );
    check("dependency_without_its_kind", &[("${dependencies.gateway}", "${gateway}")]);
    check(
        "unclosed_reference",
        &[(
            "      GATEWAY_URL: ${dependencies.gateway}",
            "      GATEWAY_URL: http://${dependencies.gateway/v1",
        )],
    );
    check("empty_reference", &[("order_id: ${order}", "order_id: ${}")]);
    check(
        "service_without_address",
        &[
            ("      ORDERS_URL: ${orders}", "      SELF: ${payments}"),
            ("call: POST ${orders}", "call: POST ${payments}"),
        ],
    );
    check("unknown_argument", &[("sku: ${sku}", "sku: ${skew}")]);
    check(
        "misspelt_argument_of_existing",
        &[
            ("given: { order: existing }", "given: { ordr: existing }"),
            ("/orders/${order}\n", "/orders/${ordr}\n"),
            ("cancel ${order}", "cancel ${ordr}"),
        ],
    );
    check("statuses", &[("ok: [404, 410], fail: 409", "ok: [404, x04, {}], fail: 4xx")]);
    check("misspelt_existing", &[("given: { order: existing }", "given: { order: exisiting }")]);
    check("not_a_supported_argument", &[("given: { order: existing }", "given: { order: any placed }")]);
    check("empty_range", &[("quantity: 1..3", "quantity: 3..1")]);
    check(
        "reference_in_braces",
        &[(
            "    call: DELETE ${orders}/orders/${order}",
            "    call: DELETE ${orders}/orders\n    body: { order: ${order} }",
        )],
    );
    check(
        "argument_called_as_a_service",
        &[
            ("kind: plain", "payments: plain"),
            (
                "      value: { id: \"${note}\", kind: \"${kind}\" }\n      headers: { kind: \"${kind}\" }",
                "      value: { kind: \"${payments}\" }",
            ),
        ],
    );
}

#[test]
fn what_services_are_made_of() {
    check("made_of_nothing", &[("    image: shipping:1\n", ""), ("    port: 8030\n", "")]);
    check("clock_of_a_container", &[("    port: 8030", "    clock: file")]);
    check(
        "environment_of_an_attached_service",
        &[("listen: { kafka: 19092 }", "listen: { kafka: 19092 }, env: { A: b }")],
    );
    check("log_of_an_attached_service", &[("ready: port", "ready: log started")]);
    check("listening_for_nothing", &[("listen: { kafka: 19092 }", "listen: { kafca: 19092, kafka: 0 }")]);
    check("crash_of_an_attached_service", &[("  - crash: payments", "  - crash: board")]);
    check("file_beside_a_container", &[("/app/settings.yml", "settings.yml")]);
    check("adapter_with_a_command", &[("{ adapter: [kafka] }", "{ adapter: [kafka], run: ledger }")]);
}

#[test]
fn services_and_operations() {
    check(
        "reference_in_a_command",
        &[("run: target/release/shop payments", "run: target/release/shop --brokers ${kafka}")],
    );
    check("reference_in_a_reply", &[("id: ch_1", "id: \"${order}\"")]);
    check("misspelt_ready", &[("    ready: GET /health", "    ready: lgo listening")]);
    check("ready_log_without_words", &[("    ready: GET /health", "    ready: log")]);
    check("ready_without_port", &[("      PORT: ${port}\n", "")]);
    check(
        "nothing_tells_ready",
        &[(
            "run: target/release/shop payments\n    start_within: 5s\n    clock: file\n    directory: services/payments\n    env:\n      KAFKA_BROKERS: ${kafka}",
            "run: target/release/shop payments\n    start_within: 5s\n    clock: file\n    directory: services/payments\n    env:",
        )],
    );
    check("method_in_small_letters", &[("call: POST", "call: post")]);
    check(
        "address_without_service",
        &[("call: POST ${orders}/orders", "call: POST http://localhost:8080/orders")],
    );
    check("operation_does_nothing", &[("    call: DELETE ${orders}/orders/${order}\n", "")]);
    check("operation_does_both", &[("    produce:", "    call: GET ${orders}/\n    produce:")]);
    check("unknown_topic", &[("      topic: audit", "      topic: audits")]);
    check("ready_with_address", &[("ready: GET /health", "ready: GET ${orders}/health")]);
}

#[test]
fn faults() {
    check("duplicate_of_exactly_once", &[("- duplicate: order-events", "- duplicate: audit")]);
    check(
        "fault_at_a_database_that_is_not_used",
        &[
            ("      DATABASE_URL: ${postgres.shop}\n    ready", "    ready"),
            ("- crash: payments", "- lose reply: orders commits to shop"),
        ],
    );
    check("fault_at_a_call_that_is_not_made", &[("- crash: payments", "- cut: orders calls gateway")]);
    check("fault_of_another_form", &[("- crash: payments", "- lose reply: payments to gateway")]);
    check("fault_with_two_wrong_names", &[("- crash: payments", "- slow: payment calls gatway")]);
    check("fault_of_a_server", &[("- crash: payments", "- restart broker: payments")]);
    check("reorder_where_order_is_promised", &[("- crash: payments", "- reorder: audit")]);
    check("skewed_clock_that_nobody_can_set", &[("- crash: payments", "- skew clock: orders")]);
    check(
        "decline_without_words",
        &[
            ("        decline: { status: 402, body: { error: no funds } }\n", ""),
            ("- crash: payments", "- decline: payments calls gateway"),
        ],
    );
    check("misspelt_fault", &[("- crash: payments", "- crsh: payments")]);
    check("fault_without_colon", &[("- crash: payments", "- crash payments")]);
    check("fault_without_target", &[("- crash: payments", "- crash")]);
    check("same_fault_twice", &[("- crash: payments", "- hold: order-events")]);
    check("hold_to_nobody", &[("- hold: order-events to payments", "- hold: order-events to payment")]);
    check(
        "hold_to_a_service_without_kafka",
        &[
            ("      KAFKA_BROKERS: ${kafka}\n      DATABASE_URL: ${postgres.shop}\n    ready", "    ready"),
            ("- hold: order-events to payments", "- hold: order-events to orders"),
        ],
    );
    check(
        "faults_as_a_map",
        &[(
            "  - duplicate: order-events\n  - hold: order-events to payments\n  - hold: order-events\n  - crash: payments",
            "  crash: payments",
        )],
    );
}

#[test]
fn invariants_and_variants() {
    check("bad_cel", &[("holds: available >= 0", "holds: available >= ")]);
    check("bad_cel_single_equals", &[("holds: available >= 0", "holds: available = 0")]);
    check(
        "bad_cel_over_lines",
        &[(
            "    always: { row: shop.stock, holds: available >= 0 }",
            "    always:\n      row: shop.stock\n      holds: |\n        available >= 0\n        && && true",
        )],
    );
    check("row_without_database", &[("row: shop.stock", "row: stock")]);
    check("unknown_effect", &[("at_most_one: charge", "at_most_one: charges")]);
    check("effect_about_nothing", &[("        key: body.order_id\n", "")]);
    check("unknown_per", &[("    per: order", "    per: sku")]);
    check(
        "misspelt_family",
        &[("at_most_one: charge\n    per: order", "at_most_once: charge\n    per: order")],
    );
    check(
        "page_without_columns",
        &[("orders: select order_id, status from orders", "orders: { http: GET /orders }")],
    );
    check("nearly_the_same_name", &[("  every view agrees:", "  No-double-charge:")]);
    check("one_source", &[("      dashboard: select order_id, status from dashboard\n", "")]);
    check(
        "several_databases",
        &[("shop: { schema: checkout.sql }", "shop: { schema: checkout.sql }\n    views: {}")],
    );
    check("not_a_query", &[("orders: select order_id, status from orders", "orders: delete from orders")]);
    check("misspelt_fault_of_a_variant", &[("faults: [duplicate:", "faults: [duplicat:")]);
    check(
        "schemas_of_a_variant",
        &[("naive: { env:", "naive: { schema: { shop: chekout.sql, shops: checkout.sql }, env:")],
    );
    check("variant_of_nobody", &[("naive: { env: { payments:", "naive: { env: { payment:")]);
    check("unknown_invariant", &[("no double charge: violated", "no double charges: violate")]);
}

#[test]
fn selectors() {
    check("selector_of_nothing", &[("exactly_one: charge", "exactly_one: { holds: body.amount > 0 }")]);
    check(
        "selector_of_two",
        &[("{ operation: place_order, ended: ok }", "{ operation: place_order, effect: charge }")],
    );
    check(
        "selector_with_a_stray_key",
        &[("{ operation: place_order, ended: ok }", "{ effect: charge, ended: ok }")],
    );
    check("selector_of_a_misspelt_name", &[("every: place_order", "every: place_ordr")]);
    check("selector_of_two_kinds", &[("  note:\n", "  charge:\n")]);
    check("unknown_variable", &[("by: value.version", "by: valeu.version")]);
    check("unknown_argument_of_an_operation", &[("place_order: -quantity", "place_order: -amount")]);
    check("key_that_is_not_cel", &[("key: order_id }", "key: order_id + }")]);
    check("operation_without_the_argument", &[("first: cancel_order", "first: note")]);
}

#[test]
fn families() {
    check("one_kind_alone", &[("never_both: [{ effect: charge, holds: key != '' }, {", "never_both: [{")]);
    check(
        "rows_that_come_after",
        &[("then: { delivered: order-events, to: payments }", "then: shop.orders")],
    );
    check("records_in_place_of_rows", &[("no_lost: { row: shop.orders,", "no_lost: { row: audit,")]);
    check("records_as_produced", &[("in_order: { delivered: order-events }", "in_order: order-events")]);
    check(
        "several_makers",
        &[
            ("for_each: { operation: place_order, ended: ok }, ", ""),
            ("{ note: new, kind: plain }", "{ note: new, order: new, kind: plain }"),
        ],
    );
    check("two_things_shown", &[("{ effects: charge, columns", "{ effects: charge, topic: audit, columns")]);
    check(
        "rows_of_a_topic",
        &[("latest: { topic: order-events, key", "latest: { topic: order-events, rows: data, key")],
    );
}

#[test]
fn several_problems_are_told_at_once() {
    check(
        "several_problems",
        &[
            ("version: 1", "version: one"),
            ("partitions: 3", "partitions: 0"),
            ("    ready: GET /health", "    redy: GET /health"),
            ("    per: order", "    per: ordre"),
            ("- crash: payments", "- crash: paymets"),
            ("clients: 2", "clients: 99"),
        ],
    );
}

#[test]
fn text_that_is_not_yaml() {
    check("tabs", &[("    weight: 4", "\tweight: 4")]);
    check("tabs_after_spaces", &[("    weight: 4", "  \tweight: 4")]);
    check("bad_indentation", &[("    weight: 4", "   weight: 4")]);
    check("unclosed_quote", &[("about: An order", "about: \"An order")]);
    check("unclosed_brace", &[("shop: { schema: checkout.sql }", "shop: { schema: checkout.sql")]);
    check("colon_in_text", &[("about: An order is", "about: An order: is")]);
    check("text_begins_with_at", &[("about: An order", "about: @An order")]);
    check("unknown_anchor", &[("about: An order", "about: *An order")]);
    check("tag", &[("weight: 4", "weight: !!int 4")]);
    check("merge_key", &[("      WORKERS: 4", "      <<: { WORKERS: 4 }")]);
    check("two_documents", &[("\nworld:", "\n---\nworld:")]);
    check("key_is_a_list", &[("weight: 4", "[weight]: 4")]);
}

#[test]
fn files_that_are_no_specs() {
    check_bytes("empty", b"");
    check_bytes("only_comments", b"# nothing\n\n");
    check_bytes("a_list", b"- spec: x\n");
    check_bytes("a_text", b"hello\n");
    check_bytes("not_utf8", b"spec: checkout\nabout: caf\xe9\nversion: 1\n");
    check_bytes("binary", &[0u8, 1, 2, 255, 254, 10, 7].repeat(1000));
    check_bytes("too_large", &b"# filler\n".repeat(200_000));
    check_bytes("long_line", format!("spec: {}\n", "x".repeat(1_000_000)).as_bytes());
    check_bytes("deep_nesting", format!("spec: {}{}\n", "[".repeat(5000), "]".repeat(4000)).as_bytes());
    check_bytes("alias_bomb", alias_bomb().as_bytes());
    check_bytes(
        "long_alias_bomb",
        format!("a: &a |\n{}b: [{}]\n", "  0123456789\n".repeat(700), "*a, ".repeat(1000)).as_bytes(),
    );
    check_bytes("long_text", format!("about: |\n{}", "  0123456789\n".repeat(2000)).as_bytes());
    check_bytes("alias_within_itself", b"spec: &a [*a]\n");
    check_bytes("many_values", "x: 1\n".repeat(10_000).as_bytes());
}

fn alias_bomb() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let repeated = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{repeated}]\n"));
    }
    text
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, file: &std::path::Path| {
        let problems = super::Spec::load(file).expect_err(name);
        insta::assert_snapshot!(name, stable(&problems.render(false, 100)));
    };
    refused("no_such_file", &folder.path().join("checkuot.yaml"));
    refused("a_directory", folder.path());
}

#[test]
fn many_problems_are_counted_and_the_first_are_shown() {
    let problems = load("colour: green\n".repeat(500).as_bytes()).unwrap_err();
    let rendered = problems.render(false, 100);
    let unknown_key_and_missing_keys = 6;
    assert_eq!(problems.all().len(), 499 + unknown_key_and_missing_keys);
    assert_eq!(rendered.matches("error: ").count(), 40);
    assert!(rendered.ends_with("checkout.yaml, the first 40 are shown"), "{rendered}");
}

#[test]
fn columns_count_characters() {
    let problems = load("spec: x\nabout: \"é🦀\"\nworld: { \"né\": 1 }\n".as_bytes()).unwrap_err();
    assert!(problems.all().iter().any(|problem| (problem.line, problem.column) == (3, 10)), "{problems}");
}

#[test]
fn problems_name_their_place() {
    let problems = load(CHECKOUT.replace("weight: 4", "weight: 0").as_bytes()).unwrap_err();
    let places: Vec<_> = problems.all().iter().map(|problem| (problem.line, problem.column)).collect();
    let line = CHECKOUT.lines().position(|line| line.contains("weight: 4")).unwrap() + 1;
    assert_eq!(places, [(line, "    weight: ".len() + 1)]);
}

#[test]
fn colours_are_there_only_when_asked_for() {
    let problems = load(b"spec: X\n").unwrap_err();
    assert!(!problems.render(false, 80).contains('\u{1b}'));
    assert!(problems.render(true, 80).contains('\u{1b}'));
}
