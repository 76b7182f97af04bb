-- The database of points and balances.

-- points: what each customer has; `version` counts the customer's events.
create table customers (
    customer text primary key,
    total    bigint not null,
    version  bigint not null
);

-- The purchases that were credited.
create table purchases (
    purchase_id text primary key
);

-- The outbox: events for the topic points-events, written in the transaction of the purchase.
create table points_outbox (
    id      bigint generated always as identity primary key,
    key     text not null,              -- the customer
    payload text not null,              -- the event, as JSON
    sent    boolean not null default false
);
create index on points_outbox (id) where not sent;

-- balances: its view, as a total of each customer …
create table balances (
    customer text primary key,
    points   bigint not null,
    version  bigint not null            -- of the last event that is in it
);

-- … or as a row for each purchase.
create table points_of_purchases (
    purchase_id text primary key,
    customer    text not null,
    points      integer not null
);

insert into customers (customer, total, version) values ('ada', 0, 0), ('grace', 0, 0);
insert into balances (customer, points, version) values ('ada', 0, 0), ('grace', 0, 0);
