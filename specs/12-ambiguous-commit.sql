-- The database of ledger.
create table postings (
    posting_id bigint generated always as identity primary key,
    request_id text unique,             -- null: nobody asked for one posting only
    order_id   text not null,
    amount     bigint not null
);
