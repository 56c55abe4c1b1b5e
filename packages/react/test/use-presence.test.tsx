import { render, renderHook } from '@testing-library/react';
import { StrictMode } from 'react';
import { beforeEach, expect, test, vi } from 'vitest';
import { TrunklineProvider, usePresence, useWebSocket } from '../src/index.ts';
import { newPages, pass } from './setup.ts';

const page = newPages();
const ROOM = 'chat:42';

beforeEach(() => {
  page.server.mayEnter = () => true;
});

/** What every render has shown, without repetitions. */
const shown: string[] = [];
beforeEach(() => void (shown.length = 0));

function People({ room, id = '42' }: { room: string | null; id?: string }) {
  useWebSocket(id);
  const { members, total, isLoaded } = usePresence(room);
  const text = isLoaded ? `${total}: ${members.map(({ userId }) => userId).join(' ')}` : 'loading';
  if (shown.at(-1) !== text) shown.push(text);
  return <p>{text}</p>;
}

const calls = () => page.server.frames.filter((frame) => frame.includes('trunkline:presence'));

test('shows who is there, who comes and who goes', async () => {
  const ben = page.server.join(ROOM, 'ben');
  render(<People room={ROOM} />);
  await pass();
  page.server.join(ROOM, 'cleo');
  page.server.join(ROOM, 'cleo');
  await pass();
  page.server.leave(ROOM, ben);
  await pass();
  expect(shown).toEqual(['loading', '2: ben 42', '3: ben 42 cleo', '2: 42 cleo']);
});

test('two components and StrictMode ask once', async () => {
  render(
    <StrictMode>
      <People room={ROOM} />
      <People room={ROOM} />
    </StrictMode>,
  );
  await pass();
  expect(calls()).toHaveLength(1);
  expect(shown.at(-1)).toBe('1: 42');
});

test('another room begins anew, none shows nobody', async () => {
  page.server.join('chat:7', 'cleo');
  const { rerender } = render(<People room={ROOM} />);
  await pass();
  rerender(<People room="chat:7" />);
  await pass();
  rerender(<People room={null} />);
  await pass();
  expect(shown).toEqual(['loading', '1: 42', 'loading', '2: cleo 42', 'loading']);
});

test.each([true, false])(
  'after a switch of user or tenant, nobody of the old identity is shown (key: %s)',
  async (hasKey) => {
    page.server.answer = ({ token, data }) => {
      const { tenantId } = data as { tenantId: string };
      return { userId: token ?? '', realm: { kind: 'tenant', tenantId } };
    };
    const App = ({ id, tenantId }: { id: string; tenantId: string }) => (
      <TrunklineProvider getToken={() => id} tenantId={tenantId}>
        <People key={hasKey ? tenantId + id : ''} room={ROOM} id={id} />
      </TrunklineProvider>
    );
    const { rerender } = render(<App id="42" tenantId="acme" />);
    await pass();
    rerender(<App id="42" tenantId="globex" />);
    await pass();
    rerender(<App id="7" tenantId="globex" />);
    await pass();
    expect(shown).toEqual(['loading', '1: 42', 'loading', '1: 42', 'loading', '1: 7']);
  },
);

test('the return value is stable', async () => {
  const { result, rerender } = renderHook(() => [usePresence(ROOM), useWebSocket('42')] as const);
  await pass();
  const [before] = result.current;
  rerender();
  await pass(45_000);
  expect(calls().length).toBeGreaterThan(1);
  expect(result.current[0]).toBe(before);
});

test('a room that does not tell shows nobody', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  page.server.mayEnter = () => false;
  render(<People room={ROOM} />);
  await pass(60_000);
  expect(shown).toEqual(['loading']);
  expect(calls()).toHaveLength(0);
});
