import { ask, JSON_TYPE } from '../../packages/server/test/raw-stream.ts';
import { forgeries } from './accounts.ts';
import { answerTo, CONFUSIONS, DENIED, ROOM_APIS, TAKEN } from './confusions.ts';
import type { Peer } from './peer.ts';
import { ROOMS, tenantIdOf, vaultOf } from './people.ts';
import { type Act, of, type Stage } from './stage.ts';

const TURNED_AWAY = 'closed 3500';
const TICKET = ROOMS.tickets[0];

/** What somebody does who is after another realm. Each has exactly one right answer. */
export const THIEF_ACTS: Readonly<Record<string, Act>> = {
  confuse: async (stage, step) => {
    const peer = stage.peer(step);
    const [name, confusion] = of(Object.entries(CONFUSIONS), step.pick);
    const [api, command] = of(Object.entries(ROOM_APIS), step.count);
    const answer = await peer.ask(command(confusion.spell(stage.twin(step))));
    stage.tally.tried(`confusion: ${name}`);
    stage.expectAnswer(peer, `${api}, confused`, answer, answerTo(api, confusion));
  },
  /** A room that only another realm has, and one that nobody has: the same answer to the byte. */
  probe: async (stage, step) => {
    const peer = stage.peer(step);
    const [api, command] = of(Object.entries(ROOM_APIS), step.pick);
    const names = [vaultOf(stage.twin(step).realm), 'vault:nowhere'];
    const answers = await Promise.all(names.map((name) => peer.ask(command(name))));
    for (const answer of answers) {
      stage.expectAnswer(peer, `${api}, forbidden or absent`, answer, answerTo(api));
    }
  },
  'forged connect': async (stage, step) => {
    const peer = stage.peer(step);
    if (peer.isConnected) return;
    const [name, forge] = of(Object.entries(forgeries), step.pick);
    await expectTurnedAway(stage, peer, { token: forge(peer.person, stage.twin(step)) }, 'forged');
    stage.tally.tried(`forgery: ${name}`);
  },
  'forged refresh': async (stage, step) => {
    const peer = stage.peer(step);
    if (!peer.hasToken || !peer.isConnected) return;
    const victim = stage.twin(step);
    const [, forge] = of(Object.entries(forgeries), step.pick);
    const isReal = step.count % 2 === 0; // of another realm, and valid there
    const token = isReal ? stage.world.accounts.tokenOf(victim) : forge(peer.person, victim);
    peer.mayEnd(3500);
    const answer = await peer.ask({ refresh: { token } });
    const what = isReal ? 'refresh, of another realm' : 'refresh, forged';
    stage.expectAnswer(peer, what, answer, TURNED_AWAY);
  },
  'forged ticket': async (stage, step) => {
    const peer = stage.peer(step);
    const victim = stage.twin(step);
    const [name, forge] = of(Object.entries(forgeries), step.pick);
    const token = forge(peer.person, victim, { channel: TICKET });
    const answer = await peer.ask({ subscribe: { channel: TICKET, token } });
    stage.tally.tried(`forgery: ${name}`);
    stage.expectAnswer(peer, 'ticket, forged', answer, DENIED, TAKEN);
  },
  'ticket of another realm': async (stage, step) => {
    const peer = stage.peer(step);
    if (!peer.isConnected) return;
    const { accounts } = stage.world;
    const isToProlong = step.pick % 2 === 0;
    if (isToProlong) {
      const own = accounts.ticketOf(peer.person, TICKET);
      await peer.ask({ subscribe: { channel: TICKET, token: own } });
    }
    const token = accounts.ticketOf(stage.twin(step), TICKET);
    const isIn = peer.clientSide.has(TICKET);
    peer.mayEnd(3500);
    const answer = isIn
      ? await peer.ask({ sub_refresh: { channel: TICKET, token } })
      : await peer.ask({ subscribe: { channel: TICKET, token } });
    const what = isIn ? 'sub_refresh, of another realm' : 'ticket, of another realm';
    stage.expectAnswer(peer, what, answer, TURNED_AWAY, DENIED, TAKEN);
  },
  /** The page has switched its tenant, and comes with the token or cookie of the one before. */
  'old credentials': async (stage, step) => {
    const peer = stage.peer(step);
    if (peer.isConnected) return;
    const data = { tenantId: tenantIdOf(stage.twin(step).realm) };
    const token = { token: stage.world.accounts.tokenOf(peer.person) };
    await expectTurnedAway(
      stage,
      peer,
      { data, ...(step.pick % 2 ? token : {}) },
      'after a switch',
    );
  },
  'tenant in the URL': async (stage, step) => {
    const peer = stage.peer(step);
    if (peer.isConnected) return;
    const wish = tenantIdOf(stage.twin(step).realm);
    const url = `/connection/websocket?tenantId=${wish}&tenant=${wish}&realm=platform`;
    const headers = { 'x-tenant-id': wish, 'x-forwarded-host': `${wish}.example` };
    const answer = await stage.connect(peer, {}, { url, headers });
    stage.expectAnswer(peer, 'connect, tenant in the URL', answer, /^\{"connect":\{/);
  },
  /** Who has the key of a stream speaks for it, and hears nothing of the answer. */
  emulate: async (stage, step) => {
    const victim = stage.victim(step);
    const { session } = victim;
    if (!session) return;
    const { key, node } = session;
    const thief = stage.peer(step);
    const wrongKeys = [thief.clientId, victim.clientId, key.toLowerCase(), key.slice(1), ''];
    const isRight = step.pick % 3 === 0;
    const id = victim.newId();
    const answered = isRight ? victim.expect(id) : null;
    const posted = await post(stage, thief, {
      session: isRight ? key : of(wrongKeys, step.count),
      node: step.pick % 3 === 1 ? thief.clientId : node,
      data: JSON.stringify({ id, rpc: { method: 'whoami' } }),
    });
    if (!answered) return stage.expect('emulation, of another', posted, '404 ');
    if (posted !== '204 ') return; // it has gone meanwhile
    stage.expect('emulation, with the key', posted, '204 ');
    const { realm, userId } = victim.person;
    const is = stage.world.secrets.marker('answer', realm);
    stage.expectAnswer(
      victim,
      'emulation, answered on the stream',
      await answered,
      JSON.stringify({ rpc: { data: { userId, is } } }),
    );
  },
};

async function expectTurnedAway(
  stage: Stage,
  peer: Peer,
  request: { token?: string; data?: object },
  what: string,
): Promise<void> {
  const connecting = stage.connect(peer, request);
  peer.mayEnd(3500);
  stage.expectAnswer(peer, `connect, ${what}`, await connecting, TURNED_AWAY);
}

/** Posts with the thief's own cookies. */
async function post({ world }: Stage, thief: Peer, message: object): Promise<string> {
  const { status, body } = await ask(`${world.httpUrl}/emulation`, {
    method: 'POST',
    headers: {
      ...JSON_TYPE,
      origin: world.httpUrl,
      cookie: world.accounts.cookieOf(thief.person),
    },
    body: JSON.stringify(message),
  });
  world.wiretap.read(thief.person, body);
  return `${status} ${body}`;
}
