-- The database of intake.

create table orders (
    order_id text primary key,
    sku      text not null,
    quantity integer not null,
    amount   bigint not null            -- cents
);

-- The outbox: events for the topic order-events.
create table outbox (
    id      bigint generated always as identity primary key,
    key     text not null,              -- the order id
    payload text not null,              -- the event, as JSON
    sent    boolean not null default false
);
create index on outbox (id) where not sent;
