-- The database of checkout.

create table orders (
    order_id text primary key,
    status   text not null,             -- open, then confirmed; or failing, then failed
    charged  boolean not null default false     -- whether there is a charge to be compensated
);

create table stock (
    sku       text primary key,
    available integer not null
);

create table reservations (
    order_id text primary key,
    sku      text not null,
    quantity integer not null
);

create table invoices (
    order_id text primary key,
    amount   bigint not null            -- cents
);

-- The outbox: events for the topic alerts.
create table alerts_outbox (
    id      bigint generated always as identity primary key,
    key     text not null,              -- the order id
    payload text not null,              -- the event, as JSON
    sent    boolean not null default false
);
create index on alerts_outbox (id) where not sent;

-- Enough for every order: what is declined here is declined by the carrier.
insert into stock (sku, available) values ('red', 1000), ('blue', 1000);
