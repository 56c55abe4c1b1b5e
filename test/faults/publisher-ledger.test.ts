import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { TemporaryFolder } from '../services/temporary-folder.ts';
import { callLine, outcomeLine, readPublisherLedger } from './publisher-ledger.ts';

const call = (id: string, at: number, isRepeat = false) =>
  callLine({ id, channel: 't.acme:a', tenantId: 'acme', at, isVolatile: false, isRepeat });
const end = (id: string, status: 'accepted' | 'rejected', offset: number, at: number) =>
  outcomeLine({ id, status, epoch: offset > 0 ? 'e1' : '', offset, reason: '', ms: 1 }, at);

async function read(lines: readonly string[]) {
  const folder = await TemporaryFolder.make('ledger');
  onTestFinished(() => folder.remove());
  const file = join(folder.path, 'n0.ledger');
  await writeFile(file, lines.join(''));
  return await readPublisherLedger('n0', file);
}

test('what was called is known in its order, whatever came of it', async () => {
  const lines = [call('n0.0.1', 1), call('n0.0.2', 2), end('n0.0.2', 'rejected', 0, 5)];
  const published = await read([...lines, call('n0.0.3', 6), end('n0.0.1', 'accepted', 7, 9)]);
  const about = { channel: 't.acme:a', tenantId: 'acme', publisher: 'n0' };
  expect(published).toEqual([
    {
      ...about,
      id: 'n0.0.1',
      calledAt: 1,
      outcome: 'accepted',
      position: { epoch: 'e1', offset: 7 },
      settledAt: 9,
    },
    { ...about, id: 'n0.0.2', calledAt: 2, outcome: 'rejected', position: null, settledAt: 5 },
    // The process was killed: nobody knows.
    { ...about, id: 'n0.0.3', calledAt: 6, outcome: 'unknown', position: null },
  ]);
});

test('each call under one id has an outcome of its own', async () => {
  const published = await read([
    call('once', 1, true),
    call('once', 2, true),
    end('once', 'rejected', 0, 3),
    end('once', 'accepted', 4, 4),
  ]);
  expect(published.map(({ outcome, isRepeat }) => ({ outcome, isRepeat }))).toEqual([
    { outcome: 'rejected', isRepeat: true },
    { outcome: 'accepted', isRepeat: true },
  ]);
});
