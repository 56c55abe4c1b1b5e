// Faults that were seen to slip through other servers' test suites. `npm test` seeds each one on purpose
// and looks whether ours notice: the stage `seeded-faults` runs the named tests with the fault in place.
import { labFaults } from './lab-faults.ts';

/** A piece of the source, and what stands there instead. */
export interface Change {
  /** Below `packages`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** What is wrong in the source while it is seeded. */
export interface SeededFault {
  readonly name: string;
  readonly changes: readonly Change[];
}

/** A fault of the stage: our tests must notice it. */
export interface Fault extends SeededFault {
  /** The test files at least one of which must fail. */
  readonly caughtBy: readonly string[];
  /** What the failure must say: not every failure has understood what is wrong. Default: anything. */
  readonly says?: RegExp;
  /** What it must not say, because it has not come to that. Default: nothing. */
  readonly neverSays?: RegExp;
}

/** The encoder forgets whose a room is. */
const forgottenTenant: Change = {
  file: 'contract/src/channel.ts',
  find: "return `${prefix}:c:${checked(isRoom, 'room', target.room)}`;",
  replace: "return `t.shared:c:${checked(isRoom, 'room', target.room)}`;",
};

/** Neither where something is delivered, nor where it is asked of the broker. */
const noSecondCheck: readonly Change[] = [
  {
    file: 'server/src/hub.ts',
    find: 'if (isSameRealm(subscriber.principal.realm, this.#entry.realm)) {',
    replace: 'if (isSameRealm) {',
  },
  {
    file: 'server/src/isolation-alarm.ts',
    find: 'if (isKeyIn(key, channel.realm)) return key;',
    replace: 'if (isKeyIn) return key;',
  },
];

/** The faults, each of which a test of ours must catch. */
export const faults: readonly Fault[] = [
  {
    name: 'token signature not verified',
    changes: [
      {
        file: 'server/src/tokens.ts',
        find: 'const { payload } = await jwtVerify(token, candidate, this.#verifyOptions(key));',
        replace:
          'void [jwtVerify, candidate, this.#verifyOptions(key)]; const payload = decodeJwt(token);',
      },
    ],
    caughtBy: ['packages/server/test/refresh.test.ts'],
  },
  {
    name: 'epoch ignored on recovery',
    changes: [
      {
        file: 'server/src/unbroken.ts',
        find: "if (epoch !== '' && epoch !== top.epoch) return false;",
        replace: 'void epoch;',
      },
    ],
    caughtBy: ['packages/server/test/recovery.test.ts'],
  },
  {
    name: 'nobody looks for what was lost before a silence',
    changes: [
      {
        file: 'server/src/gap-repair.ts',
        find: 'if (this.#options.broker.isShared) this.#schedule(this.#options.checkMs);',
        replace: '',
      },
    ],
    caughtBy: ['packages/server/test/gap-repair.test.ts'],
  },
  {
    name: 'a node that was cut off delivers before it has heard of revocations',
    changes: [
      {
        file: 'server/src/cluster/cluster.ts',
        find: 'return !this.#broker.isShared || this.#nodes.isCounted;',
        replace: 'return true;',
      },
    ],
    caughtBy: ['packages/server/test/users-across-nodes.test.ts'],
  },
  {
    name: 'recovered reply with the top offset',
    changes: [
      {
        file: 'server/src/recovery.ts',
        find: 'offset: recover.offset }',
        replace: 'offset: top.offset }',
      },
    ],
    caughtBy: ['packages/server/test/recovery.test.ts'],
  },
  {
    name: 'no pings at all',
    changes: [
      {
        file: 'server/src/lifetime.ts',
        find: 'else if (isDue(this.#pingAt, now)) this.#ping();',
        replace: '',
      },
    ],
    caughtBy: ['packages/server/test/lifetime.test.ts'],
  },
  {
    name: 'empty unsubscribe reply',
    changes: [
      {
        file: 'server/src/protocol/reply.ts',
        find: "return reply(id, 'unsubscribe', []);",
        replace: 'return new Line(`{"id":${id}}`);',
      },
    ],
    caughtBy: ['packages/server/test/subscribe.test.ts'],
  },
  {
    name: 'a push overtakes the subscribe reply',
    changes: [
      {
        file: 'server/src/session.ts',
        find: 'this.write(reply);\n    for (const { subscription, position, base } of joined) {',
        replace:
          'queueMicrotask(() => this.write(reply));\n    for (const { subscription, position, base } of joined) {',
      },
    ],
    caughtBy: ['packages/server/test/gate.test.ts'],
  },
  {
    name: 'HTTP requests of any origin',
    changes: [
      {
        file: 'server/src/http-doors.ts',
        find: 'if (!isAllowedRequest(request.headers, setup.origins)) {',
        replace: 'if (!isAllowedRequest) {',
      },
    ],
    caughtBy: ['packages/server/test/http-doors.test.ts'],
  },
  {
    name: 'rooms of all tenants under one key',
    changes: [forgottenTenant],
    caughtBy: ['test/isolation/isolation.test.ts'],
    says: /stopped by the second check/,
    neverSays: /leaked/,
  },
  {
    name: 'rooms of all tenants under one key, and no second check',
    changes: [forgottenTenant, ...noSecondCheck],
    caughtBy: ['test/isolation/isolation.test.ts'],
    says: /leaked/,
  },
  {
    name: 'an update is told before its transaction has ended',
    changes: [
      {
        file: 'operations/src/journal.ts',
        find: 'const row = await writeProgress(database, this.#tenure, sumOf(steps), steps.length);',
        replace: `const row = await database.transaction(async (transaction) => {
          const written = await writeProgress(transaction, this.#tenure, sumOf(steps), steps.length);
          if (written) this.#announce(written, []);
          await new Promise((resolve) => setTimeout(resolve, 20));
          return written;
        });`,
      },
    ],
    caughtBy: ['test/operations/crash.test.ts'],
    says: /and its row says/,
  },
  {
    name: 'a page takes an older update for news',
    changes: [
      {
        file: 'client/src/stored-operation.ts',
        find: 'if (known?.seq !== undefined && seq <= known.seq) return known;',
        replace: '',
      },
    ],
    caughtBy: ['test/operations/flapping.test.ts'],
    says: /went back/,
  },
  {
    name: 'nobody is told of what a dead process has left',
    changes: [
      {
        file: 'operations/src/engine.ts',
        find: 'this.announce(rows);\n    await this.queue.add(rows, this.#options.database);',
        replace: 'await this.queue.add(rows, this.#options.database);',
      },
    ],
    caughtBy: ['test/operations/crash.test.ts'],
    says: /nobody was told/,
  },
];

interface SourcePlugin {
  readonly name: string;
  readonly enforce: 'pre';
  transform(code: string, id: string): string | null;
}

/** A plugin that puts the named fault into the source; without a name it changes nothing. */
export function seedFault(name: string | undefined): SourcePlugin {
  const fault = [...faults, ...labFaults].find((candidate) => candidate.name === name);
  if (name !== undefined && !fault) throw new Error(`There is no fault called '${name}'`);
  return {
    name: 'seed-fault',
    enforce: 'pre',
    transform: (code, id) => {
      const changes = fault?.changes.filter(({ file }) => id.endsWith(`packages/${file}`)) ?? [];
      return changes.length === 0 ? null : changes.reduce(changed, code);
    },
  };
}

function changed(code: string, { file, find, replace }: Change): string {
  // One that is not in the source any more would be missed by every test.
  if (!code.includes(find)) throw new Error(`${file} has no place for the fault: ${find}`);
  return code.replace(find, () => replace);
}
