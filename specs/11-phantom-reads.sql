-- The database of credit.

-- No check constraint on `used`: that it stays within the limit is for the service to ensure, and for the spec to find out.
create table accounts (
    customer     text primary key,
    credit_limit bigint not null,
    used         bigint not null
);

create table approvals (
    request_id text primary key,
    customer   text not null,
    amount     bigint not null
);

insert into accounts (customer, credit_limit, used) values ('ada', 100, 0), ('grace', 150, 0);
