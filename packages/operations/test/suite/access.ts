import {
  InvalidOperationError,
  type OperationFilter,
  OperationNotFoundError,
  type OperationPrincipal,
  OperationStateError,
} from '@trunkline/operations';
import { describe, expect, test } from 'vitest';
import { openEngine, type TestEngine } from '../engine.ts';
import { colleagueOf, newUser, type StoreOf, sql } from '../store.ts';

/** Who may see operations, find them, and control them. */
export function describeAccess(storeOf: StoreOf): void {
  const anna = newUser('staff');
  const bob = colleagueOf(anna, 'bob');
  const auditor = colleagueOf(anna, 'carol', 'auditors');
  const admin = colleagueOf(anna, 'dan', 'admins');
  const stranger: OperationPrincipal = { ...newUser('admins', 'auditors'), userId: anna.userId };
  const platform: OperationPrincipal = { ...admin, realm: { kind: 'platform' } };

  async function ended({ operations }: TestEngine, options: object = {}): Promise<string> {
    const { id } = await operations.start('import', { as: anna, ...options }, () => 'done');
    await operations.wait(id, { as: anna });
    return id;
  }

  /** Which of them get it, and have it in their list. */
  async function readersOf({ operations }: TestEngine, id: string): Promise<string[]> {
    const everybody = { anna, bob, auditor, admin, stranger, platform };
    const readers: string[] = [];
    for (const [name, as] of Object.entries(everybody)) {
      // oxlint-disable-next-line no-await-in-loop
      const got = await operations.get(id, { as }).catch(() => null);
      // oxlint-disable-next-line no-await-in-loop
      const { operations: listed } = await operations.list({}, { as });
      expect(listed.some((operation) => operation.id === id)).toBe(got !== null);
      if (got) readers.push(name);
    }
    return readers;
  }

  test.each([
    [undefined, ['anna', 'admin']],
    ['owner', ['anna', 'admin']],
    ['tenant', ['anna', 'bob', 'auditor', 'admin']],
    [{ roles: ['auditors', 'x'] }, ['anna', 'auditor', 'admin']],
    [{ roles: ['nobody'] }, ['anna', 'admin']],
  ])('one for %j is seen by %j', async (audience, readers) => {
    const engine = await openEngine(storeOf());
    const id = await ended(engine, audience === undefined ? {} : { audience });
    expect(await readersOf(engine, id)).toEqual(readers);
  });

  test('which roles see everything can be said', async () => {
    const engine = await openEngine(storeOf(), { adminRoles: ['auditors'] });
    expect(await readersOf(engine, await ended(engine))).toEqual(['anna', 'auditor']);
    const nobody = await openEngine(storeOf(), { adminRoles: [] });
    expect(await readersOf(nobody, await ended(nobody))).toEqual(['anna']);
  });

  test('another tenant’s operation is not there, in the words for one that never was', async () => {
    const { operations, ...engine } = await openEngine(storeOf());
    const id = await ended({ operations, ...engine }, { audience: 'tenant' });
    const absent = '01JZZZZZZZZZZZZZZZZZZZZZZZ';
    const calls = [
      (which: string, as: OperationPrincipal) => operations.get(which, { as }),
      (which: string, as: OperationPrincipal) => operations.wait(which, { as, timeoutMs: 1 }),
      (which: string, as: OperationPrincipal) => operations.cancel(which, { as }),
      (which: string, as: OperationPrincipal) => operations.retry(which, { as }),
    ];
    for (const call of calls) {
      for (const as of [stranger, platform]) {
        // oxlint-disable-next-line no-await-in-loop
        const foreign: unknown = await call(id, as).catch((error: unknown) => error);
        // oxlint-disable-next-line no-await-in-loop
        const missing: unknown = await call(absent, as).catch((error: unknown) => error);
        expect(foreign).toBeInstanceOf(OperationNotFoundError);
        expect(missing).toBeInstanceOf(OperationNotFoundError);
        expect(String(foreign).replace(id, 'X')).toBe(String(missing).replace(absent, 'X'));
      }
    }
  });

  test.each(['', 'user-import-1672531200000', "' or true --", '\0', 5, null, {}, ['a']])(
    'an id that is none, %j, is not there, and is not asked for',
    async (id) => {
      const { operations, database } = await openEngine(storeOf());
      const before = database.count(/trunkline\.operations\s+where id/);
      const getting = operations.get(id as string, { as: admin });
      await expect(getting).rejects.toThrow(OperationNotFoundError);
      expect(database.count(/trunkline\.operations\s+where id/)).toBe(before);
    },
  );

  test('who sees it may cancel it only as its owner or an admin', async () => {
    const engine = await openEngine(storeOf());
    const { operations } = engine;
    const start = async () => {
      const work = () => new Promise(() => {});
      const { id } = await operations.start('import', { as: anna, audience: 'tenant' }, work);
      return id;
    };
    const id = await start();
    const refused: unknown = await operations.cancel(id, { as: bob }).catch((e: unknown) => e);
    expect(refused).toBeInstanceOf(OperationStateError);
    expect(refused).toMatchObject({ code: 'NOT_CANCELLABLE', state: 'running' });
    expect(await operations.get(id, { as: anna })).toMatchObject({ state: 'running', seq: 1 });
    expect(await operations.cancel(id, { as: anna })).toMatchObject({ state: 'cancelling' });
    expect(await operations.cancel(await start(), { as: admin })).toMatchObject({ seq: 2 });
  });

  test('who may control what they see can be said, and is asked with the operation', async () => {
    const asked: unknown[] = [];
    const engine = await openEngine(storeOf(), {
      mayControl: (principal, action, operation) => {
        asked.push([principal.userId, action, operation.type]);
        return principal.userId === 'bob';
      },
    });
    const id = await ended(engine, { audience: 'tenant' });
    const cancel = (as: OperationPrincipal) => engine.operations.cancel(id, { as });
    await expect(cancel(anna)).rejects.toThrow('You may see');
    await expect(cancel(bob)).rejects.toThrow('it has ended');
    await expect(cancel(admin)).rejects.toThrow('it has ended');
    await expect(cancel(stranger)).rejects.toThrow(OperationNotFoundError);
    expect(asked).toEqual([
      ['anna', 'cancel', 'import'],
      ['bob', 'cancel', 'import'],
    ]);
  });

  test('the app’s own code sees everybody’s of a realm, and of no other', async () => {
    const engine = await openEngine(storeOf());
    const id = await ended(engine);
    const anyOwner = { as: bob, anyOwner: true };
    expect(await engine.operations.get(id, anyOwner)).toMatchObject({ id });
    const elsewhere = engine.operations.get(id, { as: stranger, anyOwner: true });
    await expect(elsewhere).rejects.toThrow(OperationNotFoundError);
  });

  test('without a context and without `as`, a call says what it needs', async () => {
    const { operations } = await openEngine(storeOf());
    await expect(operations.start('import', {}, () => 1)).rejects.toThrow('operations.start needs');
    await expect(operations.list()).rejects.toThrow('operations.list needs to know who asks');
  });

  test('only its owner notes that they have seen how it ended', async () => {
    const engine = await openEngine(storeOf());
    const { operations } = engine;
    const id = await ended(engine, { audience: 'tenant' });
    await operations.markSeen([id, 'nonsense'], { as: bob });
    await operations.markSeen([id], { as: stranger });
    expect(await operations.get(id, { as: anna })).toMatchObject({ isSeen: false, seq: 2 });
    await operations.markSeen([id, id], { as: anna });
    expect(await operations.get(id, { as: anna })).toMatchObject({ isSeen: true, seq: 2 });
  });

  describe('lists', () => {
    const user = newUser();

    async function filled(): Promise<TestEngine & { ids: string[] }> {
      const engine = await openEngine(storeOf());
      const ids: string[] = [];
      for (let index = 0; index < 5; index += 1) {
        const type = index % 2 === 0 ? 'even' : 'odd';
        const options = { as: user, labels: { index: String(index), kind: type } };
        // oxlint-disable-next-line no-await-in-loop -- in this order
        const { id } = await engine.operations.start(type, options, () => index);
        // oxlint-disable-next-line no-await-in-loop
        await engine.operations.wait(id, { as: user });
        ids.push(id);
      }
      return { ...engine, ids: ids.toSorted().toReversed() };
    }

    test('pages follow each other without a gap, newest first', async () => {
      const { operations, ids } = await filled();
      const seen: string[] = [];
      const sizes: number[] = [];
      let before: string | undefined;
      do {
        const page: OperationFilter = before === undefined ? { limit: 2 } : { limit: 2, before };
        // oxlint-disable-next-line no-await-in-loop
        const { operations: found, next } = await operations.list(page, { as: user });
        seen.push(...found.map(({ id }) => id));
        sizes.push(found.length);
        before = next;
      } while (before !== undefined);
      expect(seen).toEqual(ids);
      expect(sizes).toEqual([2, 2, 1]);
      const whole = await operations.list({ limit: 5 }, { as: user });
      expect(whole.next).toBeUndefined();
      expect(Math.abs(whole.now - Date.now())).toBeLessThan(60_000);
      await sql(storeOf(), 'delete from trunkline.operations where id = any($1)', [ids]);
    });

    test.each<[OperationFilter, number]>([
      [{}, 5],
      [{ state: 'ended' }, 5],
      [{ state: 'succeeded' }, 5],
      [{ state: 'active' }, 0],
      [{ state: 'failed' }, 0],
      [{ type: 'even' }, 3],
      [{ type: 'even', labels: { index: '2' } }, 1],
      [{ labels: { kind: 'odd' } }, 2],
      [{ labels: {} }, 5],
      [{ labels: { nothing: '' } }, 0],
      [{ ownerId: 'anna' }, 5],
      [{ ownerId: "anna' or true --" }, 0],
      [{ parentId: 'nobody' }, 0],
      [{ before: '' }, 0],
    ])('%j', async (filter, count) => {
      const { operations, ids } = await filled();
      const { operations: found } = await operations.list(filter, { as: user });
      expect(found).toHaveLength(count);
      await sql(storeOf(), 'delete from trunkline.operations where id = any($1)', [ids]);
    });

    test.each([
      [{ limit: 0 }],
      [{ limit: 201 }],
      [{ limit: 1.5 }],
      [{ limit: '5' }],
      [{ limit: Number.NaN }],
      [{ state: 'paused' }],
      [{ state: '__proto__' }],
      [{ type: 7 }],
      [{ type: 'a\0b' }],
      [{ ownerId: {} }],
      [{ labels: 'x' }],
      [{ labels: ['x'] }],
      [{ labels: { a: 1 } }],
      [{ before: null }],
    ])('%j is no filter', async (filter) => {
      const { operations } = await openEngine(storeOf());
      const listing = operations.list(filter as OperationFilter, { as: user });
      await expect(listing).rejects.toThrow(InvalidOperationError);
    });
  });
}
