//! The case that is played, and what each flaw of the booth makes of it.

/// Two tickets are there: the first order needs ten more of the reserve, and is cancelled before it is shipped. The third
/// order is refused. Nothing goes wrong.
pub const CASE: &str = "
operations:
- {client: 1, operation: place_order, given: {order: {new: o1}, quantity: 3, amount: 5}}
- {client: 1, operation: place_order, given: {order: {new: o2}, quantity: 1, amount: 7}}
- {client: 1, operation: cancel_order, given: {order: {existing: o1}}}
- {client: 1, operation: ship_order, given: {order: {existing: o1}}}
- {client: 1, operation: ship_order, given: {order: {existing: o2}}}
- {client: 1, operation: place_order, given: {order: {new: o3}, quantity: 11, amount: 9}}
- {client: 1, operation: add_points, given: {account: ada, points: 2}}
- {client: 1, operation: get_points, given: {account: ada}}
- {client: 1, operation: add_points, given: {account: ada, points: 3}}
- {client: 1, operation: get_points, given: {account: ada}}
- {client: 1, operation: add_tag, given: {account: ada, tag: early}}
- {client: 1, operation: get_tags, given: {account: ada}}
- {client: 1, operation: add_tag, given: {account: ada, tag: often}}
- {client: 1, operation: get_tags, given: {account: ada}}
";

/// The same, and the first event waits until all else is done: only thereby one can overtake another.
pub const HELD: &str = "
faults:
- {do: {hold: order-events, until: quiet}, at: {fact: published order-events, about: o1, nth: 1, edge: before}}
";

/// A flaw of the booth, the case that shows it, and what is said of each invariant that it breaks: the verdict, then the
/// culprits with their notes.
pub type Planted = (&'static str, &'static str, &'static [(&'static str, &'static [&'static str])]);

pub const PLANTED: &[Planted] = &[
    (
        "charges-twice",
        "",
        &[
            (
                "at most one",
                &[
                    "at most one `charge` per order: o1 has 2, and 1 more",
                    "charge of o1: first charge for o1",
                    "charge of o1: second charge for o1",
                ],
            ),
            (
                "exactly one",
                &[
                    "exactly one `charge` per order: o1 has 2, and 1 more",
                    "charge of o1: first charge for o1",
                    "charge of o1: second charge for o1",
                ],
            ),
        ],
    ),
    // In the end all is as it should be.
    (
        "charges-twice-and-refunds",
        "",
        &[(
            "at most one",
            &[
                "at most one `charge` per order: o1 has 2, and 1 more",
                "charge of o1: first charge for o1",
                "charge of o1: second charge for o1",
            ],
        )],
    ),
    (
        "never-charges",
        "",
        &[
            (
                "exactly one",
                &[
                    "exactly one `charge` per order: o1 has none, and 1 more",
                    "place_order o1 3 5: no charge for o1",
                ],
            ),
            (
                "at least one",
                &[
                    "at least one `charge` per order: o1 has none, and 1 more",
                    "place_order o1 3 5: no charge for o1",
                ],
            ),
            ("never", &["never a row, but there is order_id = o2", "final state of never: must be empty"]),
            (
                "every",
                &[
                    "every `place_order` has row of shop.orders with status != 'placed' in the end, per \
                 order: o2 has none",
                    "place_order o2 1 7: no row of shop.orders for o2",
                ],
            ),
        ],
    ),
    (
        "ships-cancelled",
        "",
        &[
            (
                "never both",
                &[
                    "never both per order: o1 has `refund` and `shipment`",
                    "refund of o1: refund for o1",
                    "shipment of o1: shipment for o1",
                ],
            ),
            (
                "never after",
                &[
                    "never `shipment` after `refund`, per order: o1 has",
                    "refund of o1: refund",
                    "shipment of o1: shipment all the same",
                ],
            ),
            (
                "transitions",
                &[
                    "status of shop.orders may not go from cancelled to shipped",
                    "row of orders o1: goes from cancelled to shipped",
                ],
            ),
        ],
    ),
    (
        "keeps-the-money",
        "",
        &[(
            "compensated",
            &[
                "each `charge` has one `refund` where row of shop.orders with status == 'cancelled' \
                 stands at the end, per order: o1 has 1 and 0",
                "charge of o1: charge",
                "row of orders o1: row of shop.orders",
            ],
        )],
    ),
    // Again, in the end all is as it should be.
    (
        "restocks-later",
        "",
        &[(
            "always",
            &[
                "always available >= 0 in shop.stock: a committed row has available = -1, sold = 3, \
                 reserve = 100",
                "row of stock: available >= 0 is false",
            ],
        )],
    ),
    // Again.
    (
        "counts-sold-later",
        "",
        &[(
            "conserved",
            &[
                "the sum of available + sold + reserve in shop.stock is conserved, but a transaction \
                 changed it by -3",
                "row of stock: -3",
            ],
        )],
    ),
    (
        "keeps-them-sold",
        "",
        &[(
            "conserved with equals",
            &[
                "the sum of sold in shop.stock changed by +4, but what was done adds up to +1",
                "row of stock: +3",
                "charge of o1: charge stands for +3",
                "row of stock: +1",
                "charge of o2: charge stands for +1",
                "refund of o1: refund stands for -3",
            ],
        )],
    ),
    (
        "begins-versions-anew",
        "",
        &[(
            "monotonic",
            &[
                "version of shop.orders never falls, but it went from 2 to 1",
                "row of orders o1: version falls from 2 to 1",
            ],
        )],
    ),
    (
        "board-overlooks-cancelled",
        "",
        &[(
            "agree over SQL",
            &[
                "orders has (o1, cancelled), board does not; board has (o1, paid), orders does not",
                "final state of orders: (o1, cancelled)",
                "final state of board: (o1, paid)",
            ],
        )],
    ),
    (
        "page-overlooks-cancelled",
        "",
        &[(
            "agree over HTTP",
            &[
                "orders has (o1, cancelled), page does not; page has (o1, paid), orders does not",
                "final state of orders: (o1, cancelled)",
                "final state of page: (o1, paid)",
            ],
        )],
    ),
    (
        "page-is-empty",
        "",
        &[(
            "agree over HTTP",
            &["unknown: `page` could not be read: `data.orders` of what it answered is no list"],
        )],
    ),
    (
        "page-fails",
        "",
        &[(
            "agree over HTTP",
            &["unknown: `page` could not be read: HTTP status server error (503 Service Unavailable)"],
        )],
    ),
    (
        "keeps-cancelling-to-itself",
        "",
        &[
            (
                "agree over a topic",
                &[
                    "orders has (o1, cancelled), events does not; events has (o1, paid), orders does not",
                    "Paid o1 produced: (o1, paid)",
                    "final state of orders: (o1, cancelled)",
                ],
            ),
            (
                "no lost",
                &[
                    "no record of order-events with value.type == 'Cancelled' was lost, per order: o1 has a \
                 row of shop.orders with status == 'cancelled', but no record",
                    "row of orders o1: its record is missing",
                ],
            ),
        ],
    ),
    (
        "books-another-amount",
        "",
        &[(
            "agree over effects",
            &[
                "payments has (o1, 6), charges does not; charges has (o1, 5), payments does not; 2 more \
                 rows differ",
                "charge of o1: (o1, 5)",
                "final state of payments: (o1, 6) (o2, 8)",
            ],
        )],
    ),
    (
        "tells-before-it-checks",
        "",
        &[(
            "no phantom",
            &[
                "no record of order-events with value.type == 'Placed' without row of shop.orders, per \
                 order: o3 has a record, but no row",
                "Placed o3 produced: nothing was committed",
            ],
        )],
    ),
    // No fault is needed for it.
    (
        "writes-its-outbox-later",
        "",
        &[(
            "same transaction",
            &[
                "row of shop.orders and row of shop.outbox share a transaction, per order: those of o1 \
                 do not, and 1 more",
                "row of orders o1: committed without row of shop.outbox",
                "row of outbox o1: committed by another transaction",
            ],
        )],
    ),
    (
        "tells-newest-first",
        "",
        &[(
            "in order by version",
            &[
                "delivery of order-events is in order by value.version, per order: that of o1 is not, \
                 and 1 more",
                "Paid o1 delivered: delivered too early",
                "Placed o1 delivered: should have come first",
            ],
        )],
    ),
    (
        "deals-partitions",
        HELD,
        &[(
            "in order",
            &[
                "delivery of order-events to booth is in order as produced, per order: that of o1 is \
                 not, and 1 more",
                "Paid o1 delivered: delivered too early",
                "Placed o1 delivered: should have come first",
            ],
        )],
    ),
    (
        "remembers-answers",
        "",
        &[
            (
                "a counter",
                &[
                    r#"client 1: `get_points` of ada returned 200 {"points":2}, and no order explains it beside 1 operation"#,
                    "add_points ada 3: returned 201",
                    r#"get_points ada: returned 200 {"points":2}: no order explains it beside 1 operation"#,
                ],
            ),
            (
                "a set",
                &[
                    r#"client 1: `get_tags` of ada returned 200 {"tags":["early"]}, and no order explains it beside 1 operation"#,
                    "add_tag ada often: returned 201",
                    r#"get_tags ada: returned 200 {"tags":["early"]}: no order explains it beside 1 operation"#,
                ],
            ),
        ],
    ),
];
