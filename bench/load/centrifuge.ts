import type { Connection } from './connection.ts';
import { maskedText } from './frames.ts';
import type { Protocol } from './protocol.ts';

const NEWLINE = 0x0a;
/** The third byte of `{"push":…}`. */
const P = 0x70;
const pong = maskedText('{}');

interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/** What a client must know to come back. */
interface Memory {
  /** Where its channels stood when it was let in. */
  readonly positions: Readonly<Record<string, Position>>;
  /** The last event that it had heard by then. */
  readonly last: number;
}

interface Subscription {
  readonly epoch?: string;
  readonly offset?: number;
  readonly was_recovering?: boolean;
  readonly recovered?: boolean;
}

interface Welcome {
  readonly connect?: { readonly subs?: Readonly<Record<string, Subscription>> };
}

/** The Centrifuge protocol in JSON: a frame is one or more lines. */
export const centrifuge: Protocol = {
  pathOf: () => '/connection/websocket',
  opened: (connection) => {
    const subs = positionsNow(connection);
    connection.send(JSON.stringify({ id: 1, connect: { token: connection.token, ...subs } }));
  },
  received: (connection, buffer, start, end) => {
    const frame = buffer.subarray(0, end); // the search must not run on into what has been read before
    let from = start;
    while (from < end) {
      const newline = frame.indexOf(NEWLINE, from);
      const to = newline === -1 ? end : newline;
      line(connection, frame, from, to);
      from = to + 1;
    }
  },
};

function line(connection: Connection, buffer: Buffer, start: number, end: number): void {
  if (buffer[start + 2] === P && connection.heard(buffer, start, end)) return;
  if (end - start === 2) return connection.sendFrame(pong);
  const text = buffer.toString('utf8', start, end);
  const { connect } = JSON.parse(text) as Welcome;
  if (!connect) return connection.problem(`unexpected ${text.slice(0, 80)}`);
  recover(connection, buffer.subarray(start, end));
  remember(connection, connect.subs ?? {});
  connection.joined();
}

/** Counts what the welcome brings of the past: events of one channel, in their order. */
function recover(connection: Connection, welcome: Buffer): void {
  let from = 0;
  for (;;) {
    const next = welcome.indexOf('{"data":', from);
    if (next === -1 || !connection.heard(welcome, next, welcome.length)) return;
    from = welcome.indexOf('"n":"', next) + 1;
  }
}

function remember(connection: Connection, subs: Readonly<Record<string, Subscription>>): void {
  const positions: Record<string, Position> = {};
  for (const [name, { epoch, offset, was_recovering, recovered }] of Object.entries(subs)) {
    if (was_recovering && !recovered) connection.problem('not recovered');
    if (epoch !== undefined) positions[name] = { epoch, offset: offset ?? 0 };
  }
  connection.memory = { positions, last: connection.last } satisfies Memory;
}

/** Where it stands: what it has heard since it was let in came from its one channel with events. */
function positionsNow({ memory, last, token }: Connection): object {
  if (memory === null) return {};
  const { positions, last: lastThen } = memory as Memory;
  const [, , room = ''] = token.split('/');
  const stream = room === '' ? '@user' : room;
  const subs = Object.entries(positions).map(([name, { epoch, offset }]) => {
    const heard = name === stream ? last - lastThen : 0;
    return [name, { recover: true, epoch, offset: offset + heard }] as const;
  });
  return { subs: Object.fromEntries(subs) };
}
