/** Operations and the workers that run them. */
export const operations = `
create type trunkline.operation_state as enum
  ('queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled', 'crashed');

-- A process that runs operations. Its row is its lease: whoever finds it expired takes its operations.
create table trunkline.workers (
  id text primary key,
  lease_expires_at timestamptz not null
);

create table trunkline.operations (
  id text primary key,
  -- The wall. The platform has no tenant, and is never what "no tenant" means.
  realm text not null check (realm in ('tenant', 'platform')),
  tenant_id text not null,
  owner_id text not null check (owner_id <> ''),
  -- What the owner could do when it began: a later attempt acts with these.
  owner_roles jsonb not null,
  type text not null,
  label text not null,
  labels jsonb not null default '{}',
  state trunkline.operation_state not null,
  -- One more with each update: what a reader knows of a lower one is old.
  seq integer not null default 1 check (seq > 0),
  attempt integer not null default 1,
  max_attempts integer not null,
  percentage double precision check (percentage between 0 and 100),
  stage text,
  message text,
  input jsonb,
  result jsonb,
  result_ref text,
  error jsonb,
  audience text not null check (audience in ('owner', 'tenant', 'roles')),
  -- Those who see it with the audience 'roles'.
  roles jsonb not null default '[]',
  refresh jsonb not null default '[]',
  is_durable boolean not null,
  -- Its result is neither kept nor told.
  is_ephemeral boolean not null default false,
  is_cancellable boolean not null,
  is_retryable boolean not null,
  idempotency_key text,
  parent_id text references trunkline.operations (id) on delete cascade,
  -- Whose work it is; of a durable one that waits: nobody's yet. Of an ended one whose it was, because a
  -- late end may still correct 'crashed'.
  worker_id text,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  updated_at timestamptz not null default now(),
  finished_at timestamptz,
  -- When its owner has seen how it ended.
  seen_at timestamptz,
  check ((realm = 'tenant') = (tenant_id <> '')),
  check (attempt between 1 and max_attempts),
  constraint finished_has_a_finish_time check
    ((state in ('succeeded', 'failed', 'cancelled', 'crashed')) = (finished_at is not null)),
  constraint running_has_a_worker check
    (state not in ('running', 'cancelling') or (worker_id is not null and started_at is not null)),
  constraint without_success_has_an_error check
    ((state in ('failed', 'cancelled', 'crashed')) = (error is not null))
);

-- The same key twice is the same operation. Keys are let go of after a day: see the store.
create unique index operations_idempotency on trunkline.operations
  (realm, tenant_id, owner_id, type, idempotency_key) where idempotency_key is not null;

create index operations_of_realm on trunkline.operations (realm, tenant_id, id desc);

create index operations_of_owner on trunkline.operations (realm, tenant_id, owner_id, id desc);

create index operations_active on trunkline.operations (realm, tenant_id, owner_id)
  where state in ('queued', 'running', 'cancelling');

create index operations_of_worker on trunkline.operations (worker_id)
  where state in ('queued', 'running', 'cancelling');

create index operations_finished on trunkline.operations (finished_at) where finished_at is not null;

create index operations_of_parent on trunkline.operations (parent_id) where parent_id is not null;
`;
