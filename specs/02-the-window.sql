-- Orders, and three views of them.

create table orders (
    order_id text primary key,
    sku      text not null,
    quantity integer not null,
    amount   bigint not null,           -- cents
    status   text not null
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

-- notifications: what each customer was told last, and the e-mails that tell it.
create table told (
    order_id text primary key,
    status   text not null
);
create table mails (
    id       bigint generated always as identity primary key,
    order_id text not null,
    mail     text not null,
    sent     boolean not null default false
);

-- analytics: a sum for each product, and the events that are in it.
create table sales (
    sku    text primary key,
    orders bigint not null,
    amount bigint not null              -- cents
);
create table counted_events (
    event_id text primary key
);

-- dashboard
create table dashboard (
    order_id text primary key,
    status   text not null
);

insert into stock (sku, price, available) values
    ('red',  4200, 1000),
    ('blue', 1300, 1000);
