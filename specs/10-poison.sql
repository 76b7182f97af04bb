-- The database of fulfilment.
create table fulfilments (
    order_id text primary key,
    sku      text not null,
    quantity integer not null
);
