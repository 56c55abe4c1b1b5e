import { apply } from '../../packages/server/test/apply-delta.ts';
import type { Wiretap } from './markers.ts';
import type { Person } from './people.ts';

/** How a peer is connected. */
export interface Way {
  /** Is its end told as soon as it is decided? That of a real connection takes a while. */
  readonly isInstant: boolean;
  say(frame: string): void;
  /** Goes away without a word. */
  hangUp(): void;
}

/** The peer's side of a way: what comes, as it stands on the wire, and the end. */
export interface Listener {
  take(frame: string): void;
  ended(code: number): void;
}

/** Where a peer stands in a channel. */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/** A reply with the id of its command taken out, or `closed 3500`: the same to the byte for the same answer. */
export type Answer = string;

interface Publication {
  readonly data: unknown;
  readonly delta?: boolean;
}

interface SubscribeResult {
  readonly epoch?: string;
  readonly offset?: number;
  readonly delta?: boolean;
  /** Stands for the channel's name in pushes. */
  readonly id?: number;
  readonly publications?: readonly Publication[];
}

interface Reply extends SubscribeResult {
  readonly connect?: {
    readonly client: string;
    readonly session?: string;
    readonly node?: string;
    readonly subs?: Readonly<Record<string, SubscribeResult>>;
  };
  readonly subscribe?: SubscribeResult;
}

interface Push {
  readonly channel?: string;
  readonly id?: number;
  readonly pub?: Publication;
  readonly subscribe?: SubscribeResult;
  readonly unsubscribe?: object;
}

interface Question {
  readonly room: string | undefined;
  readonly answer: (answer: Answer) => void;
}

/** What somebody is answered who is not connected. */
const AWAY: Answer = 'away';

/** A channel from which what changed comes instead of whole payloads. */
interface DeltaChannel {
  readonly name: string;
  readonly number: number | undefined;
  /** The last payload: what the next delta builds on. */
  base: string;
}

/** Text that only a line has which answers the peer, changes what it hears, or holds a payload as text. */
const NOTEWORTHY = /(?:^|\n)\{"id":|"(?:un)?subscribe":\{|"data":"/;

/** Somebody at a client that speaks in literal frames, each of which the wiretap reads. */
export class Peer {
  readonly person: Person;
  readonly #wiretap: Wiretap;
  #way: Way | null = null;
  /** Of the present way: one that has been left has nothing to say any more. */
  #listener: Listener | null = null;
  readonly #questions = new Map<number, Question>();
  #lastId = 0;
  /** Of its connection, or of the last one. */
  clientId = '';
  /** What its commands come with, if it cannot say them on its connection. */
  session: { readonly key: string; readonly node: string } | null = null;
  /** Did it come with a token? Then it may refresh. */
  hasToken = false;
  /** Where it last heard that it stands, by the channel's name. */
  readonly positions = new Map<string, Position>();
  /** Wire names of all that the server has ever put it into. */
  readonly serverSide = new Set<string>();
  /** Wire names of what it has asked for and got. */
  readonly clientSide = new Set<string>();
  /** Codes that its connection may end with by now. */
  readonly #mayEndWith = new Set<number>();
  #delta: DeltaChannel | null = null;
  /** How many deltas it has put together. */
  deltas = 0;
  /** How its connection ended that should not have. */
  readonly surprises: string[] = [];

  constructor(person: Person, wiretap: Wiretap) {
    this.person = person;
    this.#wiretap = wiretap;
  }

  get isConnected(): boolean {
    return this.#way !== null;
  }

  /** Connects: `open` makes the way and says the first frame on it. */
  async connect(
    request: { readonly token?: string; readonly data?: object; readonly subs?: object },
    open: (firstFrame: string, listener: Listener) => Way,
  ): Promise<Answer> {
    this.hasToken = request.token !== undefined;
    const { frame, answer } = this.#question({ connect: request });
    const listener: Listener = {
      take: (each) => this.#take(each),
      ended: (code) => {
        if (this.#listener === listener) this.#ended(code);
      },
    };
    this.#listener = listener;
    this.#way = open(frame, listener);
    return await answer;
  }

  /** Sends a command and resolves with its answer. */
  async ask(command: object): Promise<Answer> {
    if (!this.#way) return AWAY;
    const { frame, answer } = this.#question(command);
    this.#way.say(frame);
    return await answer;
  }

  /** Says something that has no answer. */
  tell(command: object): void {
    this.#way?.say(JSON.stringify(command));
  }

  hangUp(): void {
    this.#mayEndWith.add(0);
    this.#way?.hangUp();
    this.#ended(0);
  }

  /** From here on its connection has no more reason to end. */
  settle(): void {
    if (!this.#way || this.#way.isInstant) this.#mayEndWith.clear();
  }

  /** From here on its connection may end with these codes. */
  mayEnd(...codes: readonly number[]): void {
    for (const code of codes) this.#mayEndWith.add(code);
  }

  /** Is this no answer because there is no connection, as it may be by now? */
  isExcused(answer: Answer): boolean {
    const ended = /^closed (\d+)$/.exec(answer);
    return answer === AWAY || (ended !== null && this.#mayEndWith.has(Number(ended[1])));
  }

  /** The answer to a command that comes by another way. */
  expect(id: number): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#questions.set(id, { room: undefined, answer: resolve });
    return promise;
  }

  /** An id that no command of it has. */
  newId(): number {
    return (this.#lastId += 1);
  }

  #take(frame: string): void {
    this.#wiretap.read(this.person, frame);
    if (!NOTEWORTHY.test(frame)) return;
    for (const line of frame.split('\n')) {
      if (line.startsWith('{"id":')) this.#takeReply(line);
      else if (line.startsWith('{"push":{')) this.#takePush(line);
    }
  }

  #ended(code: number): void {
    if (!this.#way) return;
    this.#way = null;
    this.#listener = null;
    this.session = null;
    this.clientSide.clear();
    this.#delta = null;
    if (!this.#mayEndWith.has(code)) this.surprises.push(`closed with ${code}`);
    this.#answerAll(`closed ${code}`);
  }

  #question(command: object): { frame: string; answer: Promise<Answer> } {
    const id = this.newId();
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const room = (command as { subscribe?: { channel: string } }).subscribe?.channel;
    this.#questions.set(id, { room, answer: resolve });
    return { frame: JSON.stringify({ id, ...command }), answer: promise };
  }

  #answerAll(answer: Answer): void {
    const questions = [...this.#questions.values()];
    this.#questions.clear();
    for (const question of questions) question.answer(answer);
  }

  #takeReply(line: string): void {
    const id = Number.parseInt(line.slice('{"id":'.length), 10);
    const question = this.#questions.get(id);
    if (!question) return;
    this.#questions.delete(id);
    const { connect, subscribe } = JSON.parse(line) as Reply;
    if (connect) this.#welcomed(connect);
    if (subscribe && question.room !== undefined) {
      this.clientSide.add(question.room);
      this.#stands(question.room, subscribe);
      this.#startDeltas(question.room, subscribe);
    }
    question.answer(line.replace(`{"id":${id},`, '{'));
  }

  #welcomed({ client, session, node, subs = {} }: NonNullable<Reply['connect']>): void {
    this.clientId = client;
    this.#wiretap.noteClient(client, this.person.realm);
    if (session !== undefined && node !== undefined) this.session = { key: session, node };
    for (const [name, result] of Object.entries(subs)) {
      this.serverSide.add(name);
      this.#stands(name, result);
    }
  }

  #takePush(line: string): void {
    const { push } = JSON.parse(line) as { push: Push };
    const { channel = '', subscribe, unsubscribe, pub } = push;
    if (subscribe) {
      this.serverSide.add(channel);
      this.#stands(channel, subscribe);
    }
    if (unsubscribe) this.clientSide.delete(channel);
    const delta = this.#delta;
    const isOfDeltas = delta && (push.channel === delta.name || push.id === delta.number);
    if (isOfDeltas && pub) this.#readDelta(delta, pub);
  }

  #startDeltas(name: string, { delta = false, id, publications = [] }: SubscribeResult): void {
    if (!delta) return;
    this.#delta = { name, number: id, base: '' };
    for (const publication of publications) this.#readDelta(this.#delta, publication);
  }

  /** A delta shows only what is new: the wiretap must see what its reader makes of it. */
  #readDelta(channel: DeltaChannel, { data, delta = false }: Publication): void {
    channel.base = delta ? apply(channel.base, String(data)) : String(data);
    this.#wiretap.read(this.person, channel.base);
    if (delta) this.deltas += 1;
  }

  #stands(name: string, { epoch, offset = 0 }: SubscribeResult): void {
    if (epoch) this.positions.set(name, { epoch, offset });
  }
}
