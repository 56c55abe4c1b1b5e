import type { Node } from '@trunkline/server';
import { Session, type SessionInit } from '@trunkline/server/testing';
import { RawClient, type TestServer } from '../../packages/server/test/harness.ts';
import { RawStream, type RawStreamOptions } from '../../packages/server/test/raw-stream.ts';
import type { Listener, Way } from './peer.ts';

type Transport = SessionInit['transport'];
type Batch = Parameters<Transport['send']>[0];

/** What a peer comes with: cookies and whatever else its browser or a thief puts there. */
export interface Arrival {
  readonly headers: Record<string, string>;
  /** Path and query. */
  readonly url?: string;
}

/**
 * A session without a socket: the frames are the same to the byte, and thousands cost nothing. Its
 * commands may come by POST, too, as those of a stream do.
 */
export function inMemory(node: Node, { headers, url = '/connection/websocket' }: Arrival) {
  return (firstFrame: string, listener: Listener): Way => {
    const sessionKey = node.emulated.newKey();
    const transport = new MemoryTransport(sessionKey, listener);
    const handshake = { headers, url, remoteAddress: '127.0.0.1' };
    const session = new Session({ node, transport, handshake });
    transport.onEnd = () => {
      node.emulated.remove(sessionKey);
      session.closed();
    };
    node.emulated.add(sessionKey, session);
    session.receive(firstFrame);
    return {
      isInstant: true,
      say: (frame) => session.receive(frame),
      hangUp: () => transport.terminate(),
    };
  };
}

/** A WebSocket of its own. */
export function overWebSocket(url: string, { headers }: Arrival) {
  return (firstFrame: string, listener: Listener): Way => {
    const client = new RawClient(url, { headers });
    client.socket.on('message', (data: Buffer) => listener.take(data.toString()));
    client.socket.on('close', (code) => listener.ended(code));
    client.answerPings();
    const opened = client.open();
    const say = (frame: string) => void opened.then(() => client.send(frame));
    say(firstFrame);
    return { isInstant: false, say, hangUp: () => client.socket.terminate() };
  };
}

/** A response that never ends; commands are posted. */
export function overHttp(
  server: Pick<TestServer, 'httpUrl'>,
  transport: NonNullable<RawStreamOptions['transport']>,
  { headers }: Arrival,
) {
  return (firstFrame: string, listener: Listener): Way => {
    const stream = new OverheardStream(server, [firstFrame], { transport, headers });
    stream.listener = listener;
    return {
      isInstant: false,
      say: (frame) => stream.send(frame),
      hangUp: () => stream.request.destroy(),
    };
  };
}

class MemoryTransport implements Transport {
  readonly sessionKey: string;
  readonly bufferedBytes = 0;
  onEnd: () => void = () => {};
  readonly #listener: Listener;
  #isOver = false;

  constructor(sessionKey: string, listener: Listener) {
    this.sessionKey = sessionKey;
    this.#listener = listener;
  }

  send(batch: Batch, progress?: Parameters<Transport['send']>[1]): void {
    if (this.#isOver) return;
    this.#listener.take(payloadOf(batch.frame));
    if (progress) setImmediate(() => progress.onWritten());
  }

  close({ code }: Parameters<Transport['close']>[0]): void {
    this.#end(code);
  }

  terminate(): void {
    this.#end(0);
  }

  #end(code: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    setImmediate(() => {
      this.onEnd();
      this.#listener.ended(code);
    });
  }
}

const LENGTH_BITS = 0x7f;
const HEADER_BYTES: Readonly<Record<number, number>> = { 126: 4, 127: 10 };

/** What a WebSocket frame carries (RFC 6455, section 5.2). */
function payloadOf(frame: Buffer): string {
  const length = (frame[1] ?? 0) & LENGTH_BITS;
  return frame.toString('utf8', HEADER_BYTES[length] ?? 2);
}

class OverheardStream extends RawStream {
  listener: Listener | null = null;

  protected override got(frame: string): void {
    this.listener?.take(frame);
    super.got(frame);
  }

  protected override ended(code: number): void {
    this.listener?.ended(code);
    super.ended(code);
  }
}
