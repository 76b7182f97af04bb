-- The database of a service that charges orders; both specs of such a service use it.

-- One row for each order that was charged.
create table payments (
    order_id text primary key,
    customer text not null,
    amount   bigint not null            -- cents
);

-- What each customer has spent, kept beside the payments so that nobody has to add them up.
create table customers (
    customer text primary key,
    spent    bigint not null            -- cents
);

-- Events that were handled, recorded in the transaction of what was done about them.
create table handled_events (
    event_id text primary key
);
