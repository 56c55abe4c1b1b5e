import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { frameText, RawPeer, type TestServer, type WireLine } from './harness.ts';

export const JSON_TYPE = { 'content-type': 'application/json' };

/** Where HTTP requests go. */
type HttpAddress = Pick<TestServer, 'httpUrl'>;

/** A request of exactly these headers, besides those that HTTP itself needs. */
export interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  /** Absent: none. */
  readonly body?: string | Buffer;
}

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Sends a request and resolves with the whole answer; of one that goes on, with its beginning. */
export async function ask(url: string, { method = 'GET', headers = {}, body }: Asked = {}) {
  const request = httpRequest(url, { method, headers, agent: false });
  request.end(body);
  return await answerTo(request);
}

/** Resolves when Node has handed on so many requests more, whatever has become of their bodies. */
export async function requestsBegun(count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let begun = 0;
  const onRequest = () => {
    begun += 1;
    if (begun === count) resolve();
  };
  subscribe('http.server.request.start', onRequest);
  await promise;
  unsubscribe('http.server.request.start', onRequest);
}

/** The answer to a request that is already on its way. */
export async function answerTo(request: ClientRequest): Promise<Answer> {
  request.on('error', () => {}); // the rest of a body that nobody takes
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const { statusCode: status = 0, headers } = response;
  if (status === 200) {
    request.destroy();
    return { status, headers, body: '' };
  }
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status, headers, body: Buffer.concat(chunks).toString() };
}

/** POSTs commands for a session, as literally as they are given. */
export async function emulate(
  server: HttpAddress,
  { session = '', node = '' }: { session?: string | undefined; node?: string | undefined },
  ...lines: unknown[]
): Promise<Answer> {
  const body = JSON.stringify({ session, node, data: frameText(lines) });
  return await ask(`${server.httpUrl}/emulation`, { method: 'POST', headers: JSON_TYPE, body });
}

/** How a raw stream is opened. */
export interface RawStreamOptions {
  readonly transport?: 'http_stream' | 'sse';
  readonly headers?: Record<string, string>;
}

/** A stream that is read line by line, and whose commands are posted; close code 0: it just ended. */
export class RawStream extends RawPeer {
  readonly server: HttpAddress;
  readonly request: ClientRequest;
  response: IncomingMessage | null = null;
  readonly #isEvents: boolean;
  #rest = '';

  constructor(
    server: HttpAddress,
    firstLines: readonly unknown[],
    { transport = 'http_stream', headers = {} }: RawStreamOptions = {},
  ) {
    super();
    this.server = server;
    this.#isEvents = transport === 'sse';
    const frame = frameText(firstLines);
    const url = `${server.httpUrl}/connection/${transport}`;
    this.request = this.#isEvents
      ? httpRequest(`${url}?cf_connect=${encodeURIComponent(frame)}`, { headers, agent: false })
      : httpRequest(url, {
          method: 'POST',
          headers: { ...JSON_TYPE, ...headers },
          agent: false,
        });
    this.request.on('response', (response) => this.#read(response));
    this.request.on('error', () => this.ended(0));
    if (this.#isEvents) this.request.end();
    else this.request.end(frame);
  }

  /** The whole of what has come, byte for byte. */
  text = '';

  async open(): Promise<IncomingMessage> {
    if (!this.response) await once(this.request, 'response');
    return this.response as IncomingMessage;
  }

  /** Resolves with the connect reply. */
  async connected(): Promise<NonNullable<WireLine['connect']>> {
    const { connect } = await this.line(({ connect: found }) => found !== undefined);
    return connect as NonNullable<WireLine['connect']>;
  }

  send(...lines: unknown[]): void {
    void this.post(...lines);
  }

  /** Posts these lines in one frame and resolves with the answer. */
  async post(...lines: unknown[]): Promise<Answer> {
    return await emulate(this.server, await this.connected(), ...lines);
  }

  #read(response: IncomingMessage): void {
    this.response = response;
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.#take(text));
    response.on('error', () => {});
    response.on('close', () => {
      const disconnect = this.lines.find(({ push }) => push?.disconnect)?.push?.disconnect;
      this.ended(disconnect?.code ?? 0);
    });
  }

  #take(text: string): void {
    this.text += text;
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const json = this.#isEvents ? line.replace(/^data: /, '').trim() : line;
      if (json !== '') this.got(json);
    }
  }
}

/** A stream that has connected. */
export async function streaming(
  server: TestServer,
  token: string,
  options: RawStreamOptions = {},
): Promise<RawStream> {
  const stream = new RawStream(server, [{ id: 1, connect: { token } }], options);
  await stream.connected();
  return stream;
}
