-- The database of the till. That each order is charged once, and that all agree in the end, is for the services to ensure.

create table orders (
    order_id text primary key,
    amount   bigint not null,                   -- cents
    status   text not null default 'placed',    -- placed, then paid or declined
    note     text not null default '',
    version  integer not null default 1         -- of the note
);

-- Events for both topics, written in the transaction that they tell of.
create table outbox (
    id      bigint generated always as identity primary key,
    topic   text not null,
    key     text not null,
    payload text not null,
    sent    boolean not null default false
);

-- Events that were charged for.
create table seen (event_id text primary key);
create table payments (order_id text primary key, amount bigint not null);
-- What was paid, by partition of the orders.
create table totals (part integer primary key, total bigint not null);

-- What the board shows.
create table board (
    order_id text primary key,
    status   text not null default 'placed',
    note     text not null default '',
    version  integer not null default 1
);
