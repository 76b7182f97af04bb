-- The database of the booth.

create table orders (
    order_id text primary key,
    quantity integer not null,
    amount   integer not null,                  -- cents
    status   text not null default 'placed',    -- placed, paid, then shipped or cancelled
    version  integer not null default 1
);

create table outbox (
    id       bigint generated always as identity primary key,
    order_id text not null,
    payload  text not null,
    sent     boolean not null default false
);

-- Where each ticket is. A restock moves ten of them from the reserve.
create table stock (
    available integer not null,
    sold      integer not null,
    reserve   integer not null
);
insert into stock values (2, 0, 100);

create table payments (order_id text primary key, amount integer not null);
create table board (order_id text primary key, status text not null, version integer not null);

create table points (account text primary key, points bigint not null);
create table tags (account text, tag text, primary key (account, tag));
