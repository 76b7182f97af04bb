-- The database of the shop. Each service uses its own tables only, except that all share one database here.

-- orders: taken over HTTP. The id is chosen by the client, so a repeated request is the same order.
create table orders (
    order_id text primary key,
    sku      text not null,
    quantity integer not null,
    amount   bigint not null,           -- cents
    status   text not null              -- placed, then paid
);

-- No check constraint on `available`: that it never goes below zero is for the service to ensure, and for the spec to find out.
create table stock (
    sku       text primary key,
    price     bigint not null,          -- cents
    available integer not null
);

-- The outbox of orders: events for the topic order-events, written in the transaction of the order.
create table orders_outbox (
    id      bigint generated always as identity primary key,
    key     text not null,              -- the order id
    payload text not null,              -- the event, as JSON
    sent    boolean not null default false
);
create index on orders_outbox (id) where not sent;

-- payments: one row for each charged order.
create table payments (
    order_id text primary key,
    amount   bigint not null,           -- cents
    status   text not null              -- succeeded
);

-- Events that payments has handled, recorded in the transaction of what was done about them.
create table processed_events (
    event_id text primary key
);

-- The outbox of payments: events for the topic payment-events.
create table payments_outbox (
    id      bigint generated always as identity primary key,
    key     text not null,              -- the order id
    payload text not null,              -- the event, as JSON
    sent    boolean not null default false
);
create index on payments_outbox (id) where not sent;

-- dashboard: its own view of each order, kept from the events.
create table dashboard (
    order_id text primary key,
    status   text not null              -- placed, then paid
);

-- Enough for most cases, too little for a long one that likes red: then an order is refused.
insert into stock (sku, price, available) values
    ('red',  4200, 30),
    ('blue', 1300, 60);
