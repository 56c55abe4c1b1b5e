import { isTerminal, type OperationState } from '@trunkline/contract';
import type { Queryable } from '@trunkline/operations';

/** One committed change of an operation's row. */
export interface Entry {
  readonly id: string;
  readonly seq: number;
  readonly attempt: number;
  readonly state: OperationState;
  readonly isDurable: boolean;
  /** When the statement ran, milliseconds since 1970 by the database's clock. */
  readonly at: number;
}

const STATEMENTS = [
  'create schema if not exists lab',
  `create table if not exists lab.history (
     number bigserial primary key, id text, seq integer, attempt integer, state text,
     is_durable boolean, at timestamptz default clock_timestamp())`,
  `create or replace function lab.note() returns trigger language plpgsql as $$
     begin
       insert into lab.history (id, seq, attempt, state, is_durable)
       values (new.id, new.seq, new.attempt, new.state::text, new.is_durable);
       return new;
     end $$`,
  `create or replace trigger note after insert or update on trunkline.operations
     for each row execute function lab.note()`,
];

/** From here on the database itself keeps what becomes of every row. */
export async function keepHistory(database: Queryable): Promise<void> {
  for (const statement of STATEMENTS) await database.query(statement);
}

/** All of it, in the order in which it happened. */
export async function readHistory(database: Queryable): Promise<Entry[]> {
  const { rows } = await database.query(
    `select id, seq, attempt, state, is_durable as "isDurable",
       (extract(epoch from at) * 1000)::double precision as at
     from lab.history order by number`,
  );
  return rows as Entry[];
}

/** Which states may follow which within an attempt; `seen` marks change no state. */
const NEXT: Readonly<Record<OperationState, readonly OperationState[]>> = {
  queued: ['running', 'cancelled'],
  running: ['cancelling', 'succeeded', 'failed', 'cancelled', 'crashed'],
  cancelling: ['running', 'succeeded', 'failed', 'cancelled', 'crashed'],
  succeeded: [],
  failed: [],
  cancelled: [],
  crashed: ['succeeded', 'failed', 'cancelled'],
};

/** What in a history must not have happened. */
export function offencesOf(history: readonly Entry[]): string[] {
  const byId = Map.groupBy(history, ({ id }) => id);
  return [...byId.values()].flatMap((entries) =>
    entries.slice(1).flatMap((entry, index) => {
      const before = entries[index];
      const offence = before && offenceOf(before, entry);
      return offence ? [`${entry.id}: ${offence}`] : [];
    }),
  );
}

function offenceOf(before: Entry, after: Entry): string | null {
  const step = `${before.state}, attempt ${before.attempt} → ${after.state}, attempt ${after.attempt}`;
  if (after.seq === before.seq) return after.state === before.state ? null : `no new seq: ${step}`;
  if (after.seq < before.seq) return `seq went back: ${step}`;
  if (after.attempt === before.attempt) {
    const isFine = after.state === before.state && !isTerminal(after.state);
    return isFine || NEXT[before.state].includes(after.state) ? null : step;
  }
  const isNext = after.attempt === before.attempt + 1;
  const isBegin = after.state === 'queued' || after.state === 'running';
  const isSuccess = before.state === 'succeeded';
  return isNext && isBegin && !isSuccess ? null : step;
}

/** How often each attempt of an operation has ended: more than once is one too often. */
export function endsOf(history: readonly Entry[]): Map<string, OperationState[]> {
  const ends = new Map<string, OperationState[]>();
  for (const { id, attempt, state } of history.filter((entry) => isTerminal(entry.state))) {
    const name = `${id} ${attempt}`;
    const known = ends.get(name) ?? [];
    if (known.at(-1) !== state) ends.set(name, [...known, state]);
  }
  return ends;
}
