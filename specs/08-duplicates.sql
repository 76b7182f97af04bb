-- The database of payments.

-- One row for each charged order.
create table payments (
    order_id text primary key,
    amount   bigint not null,           -- cents
    status   text not null              -- succeeded
);

-- Events that payments has handled.
create table processed_events (
    event_id text primary key
);

-- The outbox: events for the topic payment-events, written in the transaction of the payment.
create table payments_outbox (
    id      bigint generated always as identity primary key,
    key     text not null,              -- the order id
    payload text not null,              -- the event, as JSON
    sent    boolean not null default false
);
create index on payments_outbox (id) where not sent;
