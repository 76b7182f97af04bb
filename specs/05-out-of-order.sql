-- shipping: a parcel for each paid order.
create table shipments (
    order_id text primary key,
    amount   bigint not null,           -- what was paid for it
    parcel   text not null
);
create table shipping_outbox (
    id      bigint generated always as identity primary key,
    key     text not null,              -- the order id
    payload text not null,              -- the event, as JSON
    sent    boolean not null default false
);

-- tracking: the order as the events so far tell it, and as which version.
create table tracking (
    order_id text primary key,
    version  bigint not null default 0, -- 1 paid, 2 shipped
    status   text,
    amount   bigint,
    parcel   text
);
-- Events that wait for those before them.
create table early (
    order_id text not null,
    version  bigint not null,
    payload  text not null,
    primary key (order_id, version)
);
