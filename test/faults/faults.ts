// Faults that were seen to slip through other servers' test suites. `npm test` seeds each one on purpose
// and looks whether ours notice: the stage `faults` runs the named tests with the fault in place.

/** A fault: a piece of the source, and what stands there instead while it is seeded. */
export interface Fault {
  readonly name: string;
  /** Below `packages/server/src`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** The tests, below `packages/server/test`, at least one of which must fail. */
  readonly caughtBy: readonly string[];
}

/** The faults, each of which a test of ours must catch. */
export const faults: readonly Fault[] = [
  {
    name: 'token signature not verified',
    file: 'tokens.ts',
    find: 'const { payload } = await jwtVerify(token, candidate, this.#verifyOptions(key));',
    replace:
      'void [jwtVerify, candidate, this.#verifyOptions(key)]; const payload = decodeJwt(token);',
    caughtBy: ['refresh.test.ts'],
  },
  {
    name: 'epoch ignored on recovery',
    file: 'recovery.ts',
    find: "if (epoch !== '' && epoch !== top.epoch) return false;",
    replace: 'void epoch;',
    caughtBy: ['recovery.test.ts'],
  },
  {
    name: 'recovered reply with the top offset',
    file: 'recovery.ts',
    find: 'offset: recover.offset }',
    replace: 'offset: top.offset }',
    caughtBy: ['recovery.test.ts'],
  },
  {
    name: 'no pings at all',
    file: 'lifetime.ts',
    find: 'else if (isDue(this.#pingAt, now)) this.#ping();',
    replace: '',
    caughtBy: ['lifetime.test.ts'],
  },
  {
    name: 'empty unsubscribe reply',
    file: 'protocol/reply.ts',
    find: "return reply(id, 'unsubscribe', []);",
    replace: 'return new Line(`{"id":${id}}`);',
    caughtBy: ['subscribe.test.ts'],
  },
  {
    name: 'a push overtakes the subscribe reply',
    file: 'session.ts',
    find: 'this.write(reply);\n    for (const { subscription, position, base } of joined) {',
    replace:
      'queueMicrotask(() => this.write(reply));\n    for (const { subscription, position, base } of joined) {',
    caughtBy: ['gate.test.ts'],
  },
  {
    name: 'HTTP requests of any origin',
    file: 'http-doors.ts',
    find: 'if (!isAllowedRequest(request.headers, setup.origins)) {',
    replace: 'if (!isAllowedRequest) {',
    caughtBy: ['http-doors.test.ts'],
  },
];

interface SourcePlugin {
  readonly name: string;
  readonly enforce: 'pre';
  transform(code: string, id: string): string | null;
}

/** A plugin that puts the named fault into the source; without a name it changes nothing. */
export function seedFault(name: string | undefined): SourcePlugin {
  const fault = faults.find((candidate) => candidate.name === name);
  if (name !== undefined && !fault) throw new Error(`There is no fault called '${name}'`);
  return {
    name: 'seed-fault',
    enforce: 'pre',
    transform: (code, id) => {
      if (!fault || !id.endsWith(`packages/server/src/${fault.file}`)) return null;
      // One that is not in the source any more would be missed by every test.
      if (!code.includes(fault.find))
        throw new Error(`The source has no place for '${fault.name}'`);
      return code.replace(fault.find, fault.replace);
    },
  };
}
