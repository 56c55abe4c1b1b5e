import type { Connection } from './connection.ts';
import { maskedText } from './frames.ts';
import type { Protocol } from './protocol.ts';

const code = (character: string) => character.charCodeAt(0);
const OPEN = code('0');
const PING = code('2');
const MESSAGE = code('4');
const CONNECT = code('0');
const EVENT = code('2');
const pong = maskedText('3');

/** What a client must know to come back: connection state recovery. */
interface Memory {
  pid: string;
  /** The id of the last event that it has heard. */
  offset: string;
}

/** Socket.IO 4 on Engine.IO 4, over WebSocket only. */
export const socketIo: Protocol = {
  pathOf: () => '/socket.io/?EIO=4&transport=websocket',
  opened: () => {},
  received: (connection, buffer, start, end) => {
    const type = buffer[start];
    if (type === MESSAGE) return message(connection, buffer, start, end);
    if (type === PING) return connection.sendFrame(pong);
    if (type === OPEN) return connection.send(`40${JSON.stringify(auth(connection))}`);
    connection.problem(`unexpected ${buffer.toString('utf8', start, Math.min(end, start + 80))}`);
  },
};

function message(connection: Connection, buffer: Buffer, start: number, end: number): void {
  const type = buffer[start + 1];
  if (type === EVENT && connection.heard(buffer, start, end)) {
    if (connection.comesBack) noteOffset(connection, buffer, end);
    return;
  }
  const text = buffer.toString('utf8', start, end);
  if (type !== CONNECT) return connection.problem(`unexpected ${text.slice(0, 80)}`);
  const { pid } = JSON.parse(text.slice(2)) as { pid?: string };
  // A server that recovers gives a private id, and the same one to who has come back.
  if (pid !== undefined) {
    const memory = connection.memory as Memory | null;
    if (memory && memory.pid !== pid) connection.problem('not recovered');
    connection.memory = memory ?? { pid, offset: '' };
  }
  connection.joined();
}

function noteOffset({ memory }: Connection, buffer: Buffer, end: number): void {
  if (memory) (memory as Memory).offset = lastArgument(buffer, end);
}

function auth({ token, memory }: Connection): object {
  return { token, ...(memory as Memory | null) };
}

/** The text between the last two quotes of `…,"offset"]`. */
function lastArgument(buffer: Buffer, end: number): string {
  const from = buffer.lastIndexOf('"', end - 3) + 1;
  return buffer.toString('latin1', from, end - 2);
}
