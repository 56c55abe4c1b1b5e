import {
  defineOperation,
  InvalidOperationError,
  type OperationSnapshot,
  UserFacingError,
  type Work,
} from '@trunkline/operations';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openEngine } from '../engine.ts';
import { newUser, type StoreOf, sql } from '../store.ts';

const SECRET = 'password=hunter2';

/** How work ends: what a user reads, what is kept, and what is for the log alone. */
export function describeFailures(storeOf: StoreOf): void {
  /** An operation that has ended, whatever its work did. */
  async function ended(work: Work, options: object = {}) {
    const engine = await openEngine(storeOf());
    const as = newUser();
    const { id } = await engine.operations.start('import', { as, ...options }, work);
    const snapshot = await engine.operations.wait(id, { as });
    const [row] = await sql(
      storeOf(),
      'select operations::text as text from trunkline.operations where id = $1',
      [id],
    );
    await engine.outlet.until(({ event }) => event.data.seq === snapshot.seq);
    const told = JSON.stringify(engine.outlet.of(id));
    return { ...engine, id, as, snapshot, row: row?.['text'] as string, told };
  }

  test('a text that is meant for users reaches them, with its code', async () => {
    const error = new UserFacingError('Line 3 has no e-mail address', {
      code: 'no-email',
      retryable: true,
      cause: new Error(SECRET),
    });
    const { snapshot, told, row, log } = await ended(() => Promise.reject(error));
    expect(snapshot.state).toBe('failed');
    expect(snapshot.error).toEqual({
      code: 'no-email',
      message: 'Line 3 has no e-mail address',
      retryable: true,
    });
    expect(told).toContain('Line 3 has no e-mail address');
    expect(told + row).not.toContain(SECRET);
    expect(log.of('operation_failed')).toMatchObject([{ code: 'no-email' }]);
  });

  const circular = new Error(SECRET);
  circular.cause = circular;
  const opaque = Object.create(null) as object;
  const trap = new Proxy(new Error(SECRET), {
    get: () => {
      throw new Error('no');
    },
  });
  test.each([
    ['an error', new Error(SECRET), true],
    ['an error with a cause', new Error('x', { cause: new Error(SECRET) }), true],
    ['an error that is its own cause', circular, true],
    ['a text', SECRET, true],
    ['nothing', undefined, false],
    ['a symbol', Symbol(SECRET), true],
    ['an object without a prototype', opaque, false],
    ['an error that throws when it is looked at', trap, false],
    ['something that looks like it', { name: 'UserFacingError', message: SECRET }, false],
  ])('of %s the user reads a reference, and the log has it', async (_, error, isInLog) => {
    const { snapshot, told, row, log } = await ended(() => Promise.reject(error));
    const { correlationId } = snapshot.error ?? {};
    expect(snapshot.state).toBe('failed');
    expect(correlationId).toMatch(/^[0-9a-f]{10}$/);
    expect(snapshot.error).toEqual({
      code: 'internal',
      message: `Something went wrong on our side (reference ${correlationId})`,
      retryable: true,
      correlationId,
    });
    expect(told + row).not.toContain('hunter2');
    const logged = log.of('operation_failed');
    expect(logged).toMatchObject([{ correlationId, operation: snapshot.id, type: 'import' }]);
    expect(JSON.stringify(logged).includes('hunter2')).toBe(isInLog);
  });

  test('who waits for the work gets its own error', async () => {
    const { operations } = await openEngine(storeOf());
    const error = new Error(SECRET);
    const running = operations.run('import', { as: newUser() }, () => Promise.reject(error));
    await expect(running).rejects.toBe(error);
    const throwing = operations.run('import', { as: newUser() }, () => {
      throw error;
    });
    await expect(throwing).rejects.toBe(error);
  });

  test('a log that throws does not keep an operation from ending', async () => {
    const fail = () => {
      throw new Error('The disk is full');
    };
    const { operations } = await openEngine(storeOf(), {
      log: { info: fail, warn: fail, error: fail },
    });
    const as = newUser();
    const { id } = await operations.start('import', { as }, () => Promise.reject(new Error('x')));
    expect(await operations.wait(id, { as })).toMatchObject({ state: 'failed' });
  });

  test('a text for users is kept, however long and odd it is', async () => {
    const message = `a\0b${'x'.repeat(996)}👍 and more`;
    const { snapshot } = await ended(() => Promise.reject(new UserFacingError(message)));
    expect(snapshot.error?.message).toBe(`a\ufffdb${'x'.repeat(996)}…`);
  });

  describe('results', () => {
    test.each([
      [{ names: ['Zoë', '👍', 30, null] }],
      [[]],
      [0],
      [''],
      [false],
      ['x'.repeat(16 * 1024 - 2)],
    ])('%j is kept', async (result) => {
      const { snapshot, told } = await ended(() => result);
      expect(snapshot).toMatchObject({ state: 'succeeded', result, percentage: 100 });
      expect(told).toContain(JSON.stringify(result));
    });

    test.each<[string, () => unknown, string | null]>([
      ['more than 16 KiB', () => 'x'.repeat(16 * 1024 - 1), '16385 bytes'],
      ['more than 16 KiB of UTF-8', () => 'ü'.repeat(8192), '16386 bytes'],
      ['what contains itself', () => circular, null],
      ['a number that is too big', () => 10n, 'no JSON'],
      [
        'what cannot be read',
        () => ({
          toJSON: () => {
            throw new Error('no');
          },
        }),
        'no JSON',
      ],
      ['a function', () => () => 1, null],
      ['nothing', () => undefined, null],
    ])('%s is not kept, and a success all the same', async (_, result, problem) => {
      const { snapshot, log } = await ended(() => {
        const value = result();
        if (value === circular) {
          const self: Record<string, unknown> = {};
          self['self'] = self;
          return self;
        }
        return value;
      });
      expect(snapshot.state).toBe('succeeded');
      expect(snapshot.result).toBeUndefined();
      const warnings = log.of('operation_result_not_kept');
      if (problem === null) expect(warnings.length).toBeLessThanOrEqual(1);
      else expect(warnings).toMatchObject([{ problem: expect.stringContaining(problem) }]);
    });

    test('who waits for the work gets a result that is too large to be kept', async () => {
      const { operations } = await openEngine(storeOf());
      const result = 'x'.repeat(100_000);
      expect(await operations.run('export', { as: newUser() }, () => result)).toBe(result);
    });

    test('a reference to it is kept, and told', async () => {
      const { snapshot, told, log } = await ended((op) => {
        op.setOutcome({ resultRef: '/files/7', message: 'Ready', refresh: ['files'] });
        op.setOutcome({ refresh: ['users'] });
        return 'x'.repeat(100_000);
      });
      expect(snapshot).toMatchObject({ resultRef: '/files/7', message: 'Ready' });
      expect(told).toContain('"resultRef":"/files/7"');
      expect(told).toContain('"message":"Ready","tablesToRefresh":["files","users"]');
      expect(log.of('operation_result_not_kept')).toEqual([]);
    });

    test('what an ephemeral one returns is told to who waits, and to nobody else', async () => {
      const { snapshot, told, row } = await ended(() => SECRET, { ephemeral: true });
      expect(snapshot.state).toBe('succeeded');
      expect(told + row).not.toContain(SECRET);
    });

    test('what Postgres cannot keep does not keep it from ending', async () => {
      const odd = 'a\0b\ud800c\\u0000d\\\\ud800e';
      const { snapshot } = await ended((op) => {
        op.setOutcome({ message: odd, resultRef: odd });
        return { [odd]: odd };
      });
      const kept = 'a\ufffdb\ufffdc\\u0000d\\\\ud800e';
      expect(snapshot).toMatchObject({
        state: 'succeeded',
        message: kept,
        resultRef: kept,
        result: { [kept]: kept },
      });
    });

    test('a result that goes on changing is kept as it was', async () => {
      const result: Record<string, unknown> = { rows: 1 };
      const { snapshot } = await ended((op) => {
        void op.progress({ percentage: 50 });
        setImmediate(() => {
          result['self'] = result;
          result['rows'] = 2;
        });
        return result;
      });
      expect(snapshot).toMatchObject({ state: 'succeeded', result: { rows: 1 } });
    });

    test('nesting that no database takes does not keep it from ending', async () => {
      const { snapshot } = await ended(() => {
        let nested: unknown = [];
        for (let depth = 0; depth < 8100; depth += 1) nested = [nested];
        return nested;
      });
      expect(snapshot.state).toBe('succeeded');
    });

    test.each([5, null, {}, Symbol('x')])('an outcome of %s is no outcome', async (odd) => {
      const { snapshot } = await ended((op) => {
        op.setOutcome({ message: odd, resultRef: odd } as never);
        return 'done';
      });
      expect(snapshot).toMatchObject({ state: 'succeeded', result: 'done' });
      expect(snapshot.resultRef).toBeUndefined();
    });

    test('the last line is what the definition makes of the result', async () => {
      const { operations } = await openEngine(storeOf());
      const as = newUser();
      const last = async (completed: unknown, own?: unknown) => {
        const definition = defineOperation('import', { completed: completed as string });
        const options = own === undefined ? { as } : { as, completed: own as string };
        const { id } = await operations.start(definition, options, () => ({ rows: 3 }));
        return await operations.wait(id, { as });
      };
      const told = ({ rows }: { rows: number }) => `${rows} rows`;
      expect((await last('All done')).message).toBe('All done');
      expect((await last(told)).message).toBe('3 rows');
      expect((await last('All done', told)).message).toBe('3 rows');
      expect((await last(undefined)).message).toBeUndefined();
    });

    test.each([
      [
        'throws',
        () => {
          throw new Error('no');
        },
      ],
      ['says no text', () => 5],
    ])('a last line that %s is none, and the work has succeeded', async (_, completed) => {
      const { operations, log } = await openEngine(storeOf());
      const as = newUser();
      const definition = defineOperation('import', { completed: completed as never });
      expect(await operations.run(definition, { as }, () => 'done')).toBe('done');
      const { operations: all } = await operations.list({}, { as });
      expect(all).toMatchObject([{ state: 'succeeded', result: 'done' }]);
      expect(log.of('operation_failed')).toEqual([]);
    });
  });

  describe('schemas', () => {
    const definition = defineOperation('import', {
      input: z.object({ count: z.coerce.number().min(1) }),
      result: z.object({ rows: z.number() }),
    });

    async function left(as: ReturnType<typeof newUser>): Promise<readonly OperationSnapshot[]> {
      const { operations } = await openEngine(storeOf());
      return (await operations.list({}, { as })).operations;
    }

    test('a wrong input is refused before anything is stored', async () => {
      const { operations, outlet } = await openEngine(storeOf());
      const as = newUser();
      const start = operations.start(definition, { as, input: { count: Number.NaN } }, () => ({
        rows: 1,
      }));
      await expect(start).rejects.toThrow(InvalidOperationError);
      await expect(start).rejects.toThrow(/The input of import is wrong: count: /);
      expect(await left(as)).toEqual([]);
      expect(outlet.messages).toEqual([]);
    });

    test('the work gets what the schema makes of it', async () => {
      const { operations } = await openEngine(storeOf());
      const seen = operations.run(
        definition,
        { as: newUser(), input: { count: '3' as unknown as number } },
        ({ input }) => ({ rows: input.count }),
      );
      expect(await seen).toEqual({ rows: 3 });
    });

    test('a wrong result is a failure of ours, told as one', async () => {
      const { operations, log } = await openEngine(storeOf());
      const as = newUser();
      const options = { as, input: { count: 3 } };
      const running = operations.run(definition, options, () => ({
        rows: SECRET as unknown as number,
      }));
      await expect(running).rejects.toThrow('The work of import returned a wrong result: rows: ');
      expect(await left(as)).toMatchObject([{ state: 'failed', error: { code: 'internal' } }]);
      expect(log.of('operation_failed')).toHaveLength(1);
    });

    test.each([
      ['too large', 'x'.repeat(256 * 1024), 'has 262146 bytes, and at most 262144 are stored'],
      ['no JSON', 10n, 'is no JSON'],
    ])('an input that is %s is refused', async (_, input, problem) => {
      const { operations } = await openEngine(storeOf());
      const start = operations.start('import', { as: newUser(), input: input as never }, () => 1);
      await expect(start).rejects.toThrow(`The input of import ${problem}`);
    });

    test('an input that Postgres cannot keep as it is, is kept as it can be', async () => {
      const { operations } = await openEngine(storeOf());
      const as = newUser();
      const input = { name: 'a\0b\ud800', literal: '\\u0000' };
      operations.handle(defineOperation('odd'), () => 1);
      const { id } = await operations.start('odd', { as, input, labels: { '\0': '\0' } });
      expect(await operations.wait(id, { as })).toMatchObject({ labels: { '\ufffd': '\ufffd' } });
      const [row] = await sql(storeOf(), 'select input from trunkline.operations where id = $1', [
        id,
      ]);
      expect(row?.['input']).toEqual({ name: 'a\ufffdb\ufffd', literal: '\\u0000' });
    });
  });

  test.each([
    [{ colour: 'red' }, 'Unknown options: colour'],
    [{ audience: 'everyone' }, "audience is 'owner', 'tenant' or { roles: ['admins'] }"],
    [{ audience: { roles: [] } }, 'audience is'],
    [{ audience: null }, 'audience is'],
    [{ maxAttempts: 0 }, 'maxAttempts is a whole number from 1 to 100, got 0'],
    [{ maxAttempts: 101 }, 'maxAttempts is'],
    [{ refresh: 'users' }, 'refresh is the names of tables'],
    [{ refresh: [''] }, 'refresh is'],
    [{ labels: { a: 1 } }, 'labels is at most 20 texts'],
    [{ labels: { a: 'x'.repeat(201) } }, 'labels is'],
    [{ labels: 'x' }, 'labels is'],
    [{ labels: null }, 'labels is'],
    [{ label: 5 }, 'label is a text'],
    [
      { labels: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`l${n}`, 'x'])) },
      'labels is',
    ],
  ])('%j is refused: %s', async (options, problem) => {
    const { operations } = await openEngine(storeOf());
    const as = newUser();
    const start = operations.start('import', { as, ...(options as object) }, () => 1);
    await expect(start).rejects.toThrow(InvalidOperationError);
    await expect(start).rejects.toThrow(problem);
  });

  test.each(['', 'User Import', '-a', 'a'.repeat(101), 5, null, {}])(
    '%j is no type',
    async (type) => {
      const { operations } = await openEngine(storeOf());
      const start = operations.start(type as string, { as: newUser() }, () => 1);
      await expect(start).rejects.toThrow('An operation type is 1 to 100 of a-z 0-9 . _ -');
    },
  );
}
