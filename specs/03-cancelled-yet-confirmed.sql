-- Orders, their payments, and the e-mails about both.

create table orders (
    order_id text primary key,
    sku      text not null,
    quantity integer not null,
    amount   bigint not null,           -- cents
    status   text not null              -- placed, paid or cancelled
);

create table stock (
    sku       text primary key,
    price     bigint not null,          -- cents
    available integer not null
);

create table orders_outbox (
    id      bigint generated always as identity primary key,
    key     text not null,              -- the order id
    payload text not null,              -- the event, as JSON
    sent    boolean not null default false
);

-- payments
create table payments (
    order_id text primary key,
    amount   bigint not null,           -- cents
    status   text not null
);
create table processed_events (
    event_id text primary key
);
create table payments_outbox (
    id      bigint generated always as identity primary key,
    key     text not null,              -- the order id
    payload text not null,              -- the event, as JSON
    sent    boolean not null default false
);

-- notifications: what each customer was told last, and the e-mails that tell it, in the order in which they are sent.
create table told (
    order_id text primary key,
    status   text not null              -- received, then confirmed or cancelled
);
create table mails (
    id       bigint generated always as identity primary key,
    order_id text not null,
    mail     text not null,
    sent     boolean not null default false
);

insert into stock (sku, price, available) values ('blue', 1300, 1000);
