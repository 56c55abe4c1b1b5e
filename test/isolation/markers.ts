import { describeRealm, isSameRealm, type Realm } from '@trunkline/contract';
import { ADMINS, type Person, REALMS, SUPPORT_ID, tenantIdOf, USER_IDS } from './people.ts';

/** What carries a marker: what the server sent, what a client said, and so on. */
export type Carrier = 'event' | 'word' | 'info' | 'answer' | 'page';

/** Whom the carrier is for, inside its realm. */
export type Audience = 'everybody' | 'admins' | `user${number}`;

const CODE_BYTES = 4;

/** The secrets of a world's realms: everything of a realm carries its secret, and nothing else may. */
export class Secrets {
  readonly #codes: ReadonlyMap<string, string>;

  constructor(random: () => number) {
    const newCode = () => Math.floor(random() * 256 ** CODE_BYTES).toString(36);
    this.#codes = new Map(REALMS.map((realm) => [tenantIdOf(realm), newCode()]));
  }

  /** The text that a payload of a realm carries. */
  marker(carrier: Carrier, realm: Realm, audience: Audience = 'everybody'): string {
    return `~${carrier}.${this.codeOf(realm)}.${audience}~`;
  }

  codeOf(realm: Realm): string {
    return this.#codes.get(tenantIdOf(realm)) ?? '';
  }

  /** Whose secret it is, for messages. */
  nameOf(code: string): string {
    const found = REALMS.find((realm) => this.codeOf(realm) === code);
    return found ? describeRealm(found) : 'nobody';
  }
}

/** What nobody may ever get: it is in whatever must be refused. */
export const FORBIDDEN_MARKER = '~event.forbidden.everybody~';

/** The audience of something that is for one user. */
export function onlyFor(userId: string): Audience {
  return `user${[...USER_IDS, SUPPORT_ID].indexOf(userId)}`;
}

/** Text that says whose it is: markers, tenants, ids of connections, epochs. Quotes may be escaped. */
const TRACES =
  /~(\w+)\.(\w+)\.(\w+)~|"tenantId\\?":\\?"([^"\\]*)|"(?:client|origin)\\?":\\?"([0-9a-f-]{36})|"epoch\\?":\\?"([^"\\]+)/g;

/** Reads every frame and every answer as it stands on the wire, and finds what is not its reader's. */
export class Wiretap {
  readonly secrets: Secrets;
  /** What somebody got of somebody else's. */
  readonly leaks = new Map<string, number>();
  /** How many markers were found right, by carrier. */
  readonly seen = new Map<string, number>();
  frames = 0;
  readonly #clients = new Map<string, Realm>();
  readonly #epochs = new Map<string, Realm>();

  constructor(secrets: Secrets) {
    this.secrets = secrets;
  }

  /** From here on this is the id of a connection of the realm. */
  noteClient(clientId: string, realm: Realm): void {
    this.#clients.set(clientId, realm);
  }

  /** Reads what has come for a person. */
  read(person: Person, text: string): void {
    this.frames += 1;
    TRACES.lastIndex = 0;
    for (let trace = TRACES.exec(text); trace; trace = TRACES.exec(text)) {
      const problem = this.#problemOf(person, trace);
      if (problem) this.#leaked(person, problem);
    }
  }

  #problemOf(person: Person, trace: RegExpExecArray): string | null {
    const [, carrier, code = '', audience = '', tenantId, clientId, epoch] = trace;
    if (carrier !== undefined) return this.#problemOfMarker(person, carrier, code, audience);
    if (tenantId !== undefined)
      return tenantId === tenantIdOf(person.realm) ? null : `${trace[0]}"`;
    if (clientId !== undefined) return this.#problemOfClient(person, clientId);
    return this.#problemOfEpoch(person, epoch ?? '');
  }

  #problemOfMarker(
    { realm, userId, roles }: Person,
    carrier: string,
    code: string,
    audience: string,
  ): string | null {
    if (code !== this.secrets.codeOf(realm))
      return `the ${carrier} of ${this.secrets.nameOf(code)}`;
    if (audience.startsWith('user') && audience !== onlyFor(userId)) {
      return `the ${carrier} for ${audience}`;
    }
    if (audience === ADMINS && !roles.includes(ADMINS)) return `the ${carrier} for ${audience}`;
    this.seen.set(carrier, (this.seen.get(carrier) ?? 0) + 1);
    return null;
  }

  #problemOfClient({ realm }: Person, clientId: string): string | null {
    const owner = this.#clients.get(clientId);
    return !owner || isSameRealm(owner, realm) ? null : `the client id of ${describeRealm(owner)}`;
  }

  /** Streams are of one realm: who first sees an epoch is of the realm whose it is. */
  #problemOfEpoch({ realm }: Person, epoch: string): string | null {
    const owner = this.#epochs.get(epoch) ?? realm;
    this.#epochs.set(epoch, owner);
    return isSameRealm(owner, realm) ? null : `the epoch of ${describeRealm(owner)}`;
  }

  #leaked({ realm, userId }: Person, what: string): void {
    const leak = `${userId} of ${describeRealm(realm)} got ${what}`;
    this.leaks.set(leak, (this.leaks.get(leak) ?? 0) + 1);
  }
}
