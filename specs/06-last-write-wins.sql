-- The replicas of all regions; each region uses the rows of its name only.
create table profiles (
    region     text not null,
    profile_id text not null,
    name       text not null,
    stamp      bigint not null,         -- of the write that is shown
    writer     text not null,           -- the region that took it
    primary key (region, profile_id)
);

-- Every write that was taken, whatever became of it.
create table profile_writes (
    id         bigint generated always as identity primary key,
    profile_id text not null,
    name       text not null,
    stamp      bigint not null,
    writer     text not null
);

-- The number of the last write of each profile.
create table profile_versions (
    profile_id text primary key,
    version    bigint not null
);

create table east_outbox (
    id      bigint generated always as identity primary key,
    key     text not null,              -- the profile id
    payload text not null,              -- the event, as JSON
    sent    boolean not null default false
);
create table west_outbox (like east_outbox including all);
