-- What the carts hold, as each region knows it; each region uses the rows of its name only.
create table carts (
    region   text not null,
    cart_id  text not null,
    slot     text not null,             -- `all`, or the region that adds to it
    quantity bigint not null,
    stamp    bigint not null,           -- of two states of a slot the one with the greater stamp is the later one
    primary key (region, cart_id, slot)
);

create table east_outbox (
    id      bigint generated always as identity primary key,
    key     text not null,              -- the cart id
    payload text not null,              -- the event, as JSON
    sent    boolean not null default false
);
create table west_outbox (like east_outbox including all);
