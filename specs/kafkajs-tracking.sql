-- The order as the events so far tell it, and as which version.
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
