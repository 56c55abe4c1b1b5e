import { HandlerSet, type Settings } from '@trunkline/client';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { TransportChoice, transportsOf } from '../src/transports.ts';
import { connectAs, newPages, pass } from './harness.ts';

describe('the ways to a server', () => {
  const ways = (settings: Settings & { url: string }) => {
    const { all, emulation } = transportsOf(settings);
    return [...all.map(({ transport, endpoint }) => `${transport} ${endpoint}`), emulation];
  };

  afterEach(() => vi.unstubAllGlobals());

  test.each<[string, Settings & { url: string }, string[]]>([
    [
      'the default path',
      { url: 'ws://host/connection/websocket' },
      [
        'websocket ws://host/connection/websocket',
        'http_stream http://host/connection/http_stream',
        'sse http://host/connection/sse',
        'http://host/emulation',
      ],
    ],
    [
      'behind a prefix, with TLS and a query',
      { url: 'https://host:8/api/connection/websocket?a=b' },
      [
        'websocket wss://host:8/api/connection/websocket?a=b',
        'http_stream https://host:8/api/connection/http_stream?a=b',
        'sse https://host:8/api/connection/sse?a=b',
        'https://host:8/api/emulation',
      ],
    ],
    [
      'a path of its own',
      { url: 'wss://host/live' },
      [
        'websocket wss://host/live',
        'http_stream https://host/live/http_stream',
        'sse https://host/live/sse',
        'https://host/live/emulation',
      ],
    ],
    [
      'a token, which an EventSource would put into its URL',
      { url: 'ws://host/connection/websocket', getToken: () => 'x' },
      [
        'websocket ws://host/connection/websocket',
        'http_stream http://host/connection/http_stream',
        'http://host/emulation',
      ],
    ],
    [
      'URLs of their own',
      {
        url: 'ws://host/connection/websocket',
        getToken: () => 'x',
        httpFallback: { sse: 'http://other/events', emulation: 'http://other/commands?x=1' },
      },
      [
        'websocket ws://host/connection/websocket',
        'http_stream http://host/connection/http_stream',
        'sse http://other/events',
        'http://other/commands?x=1',
      ],
    ],
    [
      'no events',
      { url: 'ws://host/connection/websocket', httpFallback: { sse: false } },
      [
        'websocket ws://host/connection/websocket',
        'http_stream http://host/connection/http_stream',
        'http://host/emulation',
      ],
    ],
    [
      'no fallback',
      { url: 'ws://host/connection/websocket', httpFallback: false },
      ['websocket ws://host/connection/websocket', ''],
    ],
  ])('%s', (_name, settings, expected) => {
    vi.stubGlobal('EventSource', class {});
    expect(ways(settings)).toEqual(expected);
  });

  test('a browser without EventSource has two', () => {
    vi.stubGlobal('EventSource', undefined);
    expect(transportsOf({ url: 'ws://host/connection/websocket' }).all).toHaveLength(2);
  });
});

describe('the choice', () => {
  const all = [
    { transport: 'websocket', endpoint: 'w' },
    { transport: 'http_stream', endpoint: 'h' },
    { transport: 'sse', endpoint: 's' },
  ] as const;

  /** Plays a sequence of outcomes and notes what each of them was the outcome of. */
  function play(outcomes: string): string {
    const choice = new TransportChoice(all);
    const taken: string[] = [];
    for (const outcome of outcomes) {
      expect(new Set(choice.slots.map(({ endpoint }) => endpoint)).size).toBe(1);
      taken.push(choice.slots[0]?.endpoint ?? '');
      if (outcome === '+') choice.worked();
      else if (outcome === '-') choice.failed();
      else choice.startOver();
      if (choice.takeTurn()) taken.push('>'); // at once
      expect(choice.takeTurn()).toBe(false);
    }
    return taken.join('');
  }

  test.each([
    [
      'goes on at once as long as nothing has worked, and rests after a round',
      '-----',
      'w>h>sw>h>',
    ],
    ['is patient with what has worked', '+---+', 'wwww>h'],
    ['of what has not worked since, one failure is enough', '+-------', 'wwww>h>sw>h>'],
    ['stays with what works', '-+--+--+', 'w>hhhhhhh'],
    ['begins a round where that has failed, too', '-+----+', 'w>hhhhw>h'],
    ['starts over with the best', '-+o+', 'w>hhw'],
    ['which may still not work', '-+o-+', 'w>hhw>h'],
  ])('%s', (_name, outcomes, taken) => {
    expect(play(outcomes)).toBe(taken);
  });
});

describe('a page', () => {
  const page = newPages();

  async function join(settings: Settings = {}) {
    const { client } = connectAs(page, '42', settings);
    const handlers = new HandlerSet();
    const events: string[] = [];
    handlers.subscribe('*', (event) => void events.push(event.type));
    client.attach(handlers);
    const statuses: string[] = [];
    let wasAway = false;
    client.state.subscribe(() => {
      const { status, isConnected } = client.state.get();
      if (statuses.at(-1) !== status) statuses.push(status);
      wasAway ||= statuses.includes('live') && !isConnected;
    });
    await pass();
    const transport = () => client.state.get().transport;
    return { client, events, statuses, transport, wasAway: () => wasAway };
  }

  test('is live over HTTP at once where no WebSocket opens', async () => {
    page.server.blocksWebSockets = true;
    const { events, statuses, transport } = await join({ tenantId: 'acme', getToken: () => 'key' });
    await pass(1);
    expect(statuses).toEqual(['syncing', 'live']);
    expect(transport()).toBe('http_stream');
    expect(page.server.connects).toMatchObject([{ token: 'key', data: { tenantId: 'acme' } }]);
    page.server.send({ type: 'a:1' });
    await pass(1);
    expect(events).toEqual(['a:1']);
  });

  test('is live over HTTP after some attempts where a WebSocket has worked before', async () => {
    const { events, statuses, transport } = await join();
    expect(transport()).toBe('websocket');
    page.server.blocksWebSockets = true;
    page.server.drop();
    page.server.send({ type: 'a:1' });
    await pass(15_000);
    expect(statuses).toEqual(['syncing', 'live', 'reconnecting', 'syncing', 'live']);
    expect(transport()).toBe('http_stream');
    expect(events).toEqual(['a:1']);
  });

  test('goes back to a WebSocket when one opens again, and nothing of it shows', async () => {
    page.server.blocksWebSockets = true;
    const { client, events, transport, wasAway } = await join();
    await pass(60_000);
    expect(transport()).toBe('http_stream');
    const onGap = vi.fn<() => void>();
    client.share({ onGap });
    page.server.blocksWebSockets = false;
    for (let n = 0; n < 5; n += 1) {
      page.server.send({ type: `a:${n}` });
      await pass(40_000);
    }
    expect(transport()).toBe('websocket');
    expect(events).toEqual(['a:0', 'a:1', 'a:2', 'a:3', 'a:4']);
    expect(onGap).not.toHaveBeenCalled();
    expect(wasAway()).toBe(false);
    expect(page.server.clients).toHaveLength(1);
  });

  test('looks for a WebSocket ever less often, and not at all when it is closed', async () => {
    page.server.blocksWebSockets = true;
    const opened = vi.spyOn(page.server, 'onOpen');
    const { client } = await join();
    const tries = async (ms: number) => {
      const before = opened.mock.calls.length;
      await pass(ms);
      return opened.mock.calls.length - before;
    };
    const first = await tries(600_000);
    expect(first).toBeGreaterThanOrEqual(3);
    expect(first).toBeLessThanOrEqual(6);
    expect(await tries(3_600_000)).toBeLessThanOrEqual(12);
    client.close('unused');
    expect(await tries(3_600_000)).toBe(0);
  });

  test.each([1, 5, 30, 300])(
    'after an outage of %i s it comes back by WebSocket',
    async (seconds) => {
      const { client, statuses } = await join();
      const transports = new Set<unknown>();
      client.state.subscribe(() => transports.add(client.state.get().transport));
      page.server.isUp = false;
      page.server.drop();
      await pass(seconds * 1_000);
      expect(statuses.at(-1)).toBe('reconnecting');
      page.server.isUp = true;
      await pass(25_000);
      expect(statuses.at(-1)).toBe('live');
      expect([...transports]).toEqual(['websocket']);
    },
  );

  test('a server that answers, whatever it says, is no reason to take another way', async () => {
    page.server.answer = { close: 3004 };
    const { transport } = await join();
    await pass(60_000);
    expect(page.server.connects.length).toBeGreaterThan(3);
    page.server.answer = { userId: '42' };
    await pass(30_000);
    expect(transport()).toBe('websocket');
  });

  test('a refused login ends over HTTP as it does by WebSocket', async () => {
    page.server.blocksWebSockets = true;
    page.server.answer = { close: 3500 };
    const { client, statuses } = await join();
    await pass(1);
    expect(statuses).toEqual(['auth-failed']);
    expect(client.state.get().transport).toBeNull();
  });

  test('another identity is refused over HTTP, too', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    page.server.blocksWebSockets = true;
    page.server.answer = { userId: '7' };
    const { events, statuses } = await join();
    await pass(1);
    page.server.send({ type: 'a:1' });
    await pass(1_000);
    expect(statuses.at(-1)).toBe('identity-mismatch');
    expect(events).toEqual([]);
    expect(page.server.clients).toEqual([]);
  });

  test('a token is refreshed by POST while the stream goes on', async () => {
    page.server.blocksWebSockets = true;
    page.server.answer = { userId: '42', ttl: 100 };
    let asked = 0;
    const { statuses } = await join({ getToken: () => `token ${++asked}` });
    await pass(150_000);
    expect(page.server.refreshes.length).toBeGreaterThan(0);
    expect(statuses).toEqual(['syncing', 'live']);
  });

  test('asks nothing over HTTP where that is switched off', async () => {
    page.server.blocksWebSockets = true;
    const asked = vi.spyOn(globalThis, 'fetch');
    const { statuses } = await join({ httpFallback: false });
    await pass(60_000);
    expect(statuses).toEqual(['connecting']);
    expect(asked).not.toHaveBeenCalled();
    page.server.blocksWebSockets = false;
    await pass(30_000);
    expect(statuses).toEqual(['connecting', 'syncing', 'live']);
  });
});
