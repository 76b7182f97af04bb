//! `restart postgres`: the database server is away for a moment.

use super::{Kind, because, every_moment};
use crate::fault::{Act, Ask, Choices, Form, Moment, Verb};

/// Postgres is stopped and started again.
pub static RESTART_POSTGRES: Kind = Kind {
    name: "restart postgres",
    forms: &[Form::World],
    doc: "The Postgres server is stopped and started again; what was committed, it keeps.",
    choices: |_| Choices::None,
    moments: |_, contract| {
        let of_postgres = |moment: &Moment| matches!(moment.fact.verb, Verb::Queried | Verb::Committed);
        let services = contract.services();
        services.iter().flat_map(|service| every_moment(service, contract)).filter(of_postgres).collect()
    },
    allowed: |_, _| because("a database server may be away for a moment"),
    act: |_, _| Act::Ask(Ask::RestartPostgres),
};
