-- What the harness keeps inside a database of a spec: replica identities, the publication, and the reset.
create schema steadfast;

create view steadfast.tables as
select c.oid, c.oid::regclass as name, c.relkind, c.relpersistence, c.relreplident
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p')
  and c.relpersistence <> 't'
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'steadfast');

-- Every version of a row shows all its columns, also where there is no primary key.
create function steadfast.identify_rows() returns void
language plpgsql security definer set search_path = pg_catalog as $$
declare
    entry record;
begin
    for entry in select name from steadfast.tables where relpersistence = 'p' and relreplident <> 'f' loop
        execute format('alter table %s replica identity full', entry.name);
    end loop;
end $$;

create function steadfast.on_ddl() returns event_trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    perform steadfast.identify_rows();
end $$;

select steadfast.identify_rows();
create event trigger steadfast_identify_rows on ddl_command_end execute function steadfast.on_ddl();

create publication steadfast for all tables with (publish_via_partition_root = true);

-- The rows to return to: a copy of each table that is not empty, and the state of each sequence.
create table steadfast.kept_tables (name regclass, copy text, columns text, overriding text);
create table steadfast.kept_sequences (name regclass, value bigint, called boolean);
alter table steadfast.kept_tables replica identity full;
alter table steadfast.kept_sequences replica identity full;

create function steadfast.keep_rows() returns void
language plpgsql set search_path = pg_catalog as $$
declare
    entry record;
    any_row boolean;
    value bigint;
    called boolean;
begin
    for entry in select copy from steadfast.kept_tables loop
        execute 'drop table ' || entry.copy;
    end loop;
    delete from steadfast.kept_tables;
    delete from steadfast.kept_sequences;
    for entry in select t.oid, t.name from steadfast.tables t where t.relkind = 'r' loop
        execute format('select exists (select from only %s)', entry.name) into any_row;
        if any_row then
            execute format('create table steadfast.%I as select * from only %s', 'kept_' || entry.oid, entry.name);
            insert into steadfast.kept_tables
            select entry.name, format('steadfast.%I', 'kept_' || entry.oid),
                   string_agg(quote_ident(attname), ', ' order by attnum),
                   case when bool_or(attidentity = 'a') then 'overriding system value' else '' end
            from pg_attribute
            where attrelid = entry.oid and attnum > 0 and not attisdropped and attgenerated = '';
        end if;
    end loop;
    for entry in
        select c.oid::regclass as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'S' and c.relpersistence <> 't' and n.nspname <> 'steadfast'
    loop
        execute format('select last_value, is_called from %s', entry.name) into value, called;
        insert into steadfast.kept_sequences values (entry.name, value, called);
    end loop;
end $$;

-- DELETE, not TRUNCATE: it is faster on small tables and waits for no reader. Foreign keys and triggers of the
-- services rest meanwhile. Returns the id of its transaction, so that its row versions can be told from theirs.
create function steadfast.reset_rows() returns bigint
language plpgsql set search_path = pg_catalog as $$
declare
    entry record;
begin
    perform set_config('session_replication_role', 'replica', true);
    perform set_config('lock_timeout', '5s', true);
    for entry in select name from steadfast.tables where relkind = 'r' loop
        execute format('delete from only %s', entry.name);
    end loop;
    for entry in select * from steadfast.kept_tables k where exists (select from pg_class where oid = k.name) loop
        execute format('insert into %s (%s) %s select %2$s from %4$s',
                       entry.name, entry.columns, entry.overriding, entry.copy);
    end loop;
    for entry in
        select s.seqrelid::regclass as name, coalesce(k.value, s.seqstart) as value,
               coalesce(k.called, false) as called
        from pg_sequence s
        join pg_class c on c.oid = s.seqrelid and c.relpersistence <> 't'
        left join steadfast.kept_sequences k on k.name = s.seqrelid
    loop
        perform setval(entry.name, entry.value, entry.called);
    end loop;
    return pg_current_xact_id()::text::bigint;
end $$;

select steadfast.keep_rows();
