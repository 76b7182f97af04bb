-- The database of inventory.

-- No check constraint on `available`: that it never goes below zero is for the service to ensure, and for the spec to find out.
create table stock (
    sku       text primary key,
    available integer not null
);

-- For whom something is taken.
create table reservations (
    order_id text primary key,
    sku      text not null,
    quantity integer not null
);

insert into stock (sku, available) values ('red', 1), ('blue', 1);
