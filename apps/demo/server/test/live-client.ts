import type { Envelope } from '@trunkline/contract';
import { Centrifuge } from 'centrifuge';
import { WebSocket } from 'ws';

/** A page's connection. */
export type Live = ReturnType<typeof startLive>;

/**
 * The stock client with a browser's cookie, connected, for a page that works in this tenant. Keeps
 * every event that it is sent.
 */
export async function connectLive(url: string, cookie: string, tenantId?: string) {
  const live = startLive(url, cookie, tenantId);
  await live.client.ready(10_000);
  return live;
}

/** The same, not waiting until it is connected: it may be refused. */
export function startLive(url: string, cookie: string, tenantId?: string) {
  const events: Envelope[] = [];
  class WebSocketWithCookie extends WebSocket {
    constructor(address: string) {
      super(address, { headers: { cookie, origin: url } });
    }
  }
  const client = new Centrifuge(`${url.replace('http', 'ws')}/connection/websocket`, {
    websocket: WebSocketWithCookie,
    ...(tenantId === undefined ? {} : { data: { tenantId } }),
  });
  const waiting = new Set<() => void>();
  client.on('publication', ({ data }) => {
    events.push(data as Envelope);
    for (const check of waiting) check();
  });
  const gone = new Promise<number>((resolve) => {
    client.on('connecting', ({ code }) => code !== 0 && resolve(code));
    client.on('disconnected', ({ code }) => resolve(code));
  });
  client.connect();

  /** Resolves when an event of this type (that is the one meant) has come. */
  const received = (type: string, isMeant: (event: Envelope) => boolean = () => true) =>
    new Promise<Envelope>((resolve) => {
      const check = () => {
        const event = events.find((candidate) => candidate.type === type && isMeant(candidate));
        if (event) resolve(event);
      };
      waiting.add(check);
      check();
    });
  return { client, events, received, gone };
}
