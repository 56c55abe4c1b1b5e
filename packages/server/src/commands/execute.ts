import { disconnects, protocolErrors } from '../errors.ts';
import type { Command } from '../protocol/command.ts';
import type { Session } from '../session.ts';
import type { TimeBudget } from '../time-budget.ts';
import { connect } from './connect.ts';
import { history } from './history.ts';
import { presence, presenceStats } from './presence.ts';
import { publish } from './publish.ts';
import { recordDenial } from './records.ts';
import { refresh, subRefresh } from './refresh.ts';
import { rpc, send } from './rpc.ts';
import { subscribe, unsubscribe } from './subscribe.ts';

/** Carries out one command. Throws what it is answered with: a `ProtocolError` or a `Disconnect`. */
export async function execute(session: Session, command: Command, time: TimeBudget): Promise<void> {
  try {
    await carryOut(session, command, time);
  } catch (error) {
    recordDenial(session, command, error);
    throw error;
  }
}

async function carryOut(session: Session, command: Command, time: TimeBudget): Promise<void> {
  if (command.method === 'connect')
    return await connect(session, command.id, command.request, time);
  if (!session.isAuthenticated) throw disconnects.badRequest;
  if (session.isOver) refuseExpired(command);
  switch (command.method) {
    case 'subscribe':
      return await subscribe(session, command.id, command.request, time);
    case 'unsubscribe':
      return unsubscribe(session, command.id, command.channel);
    case 'publish':
      return await publish(session, command.id, command.request, time);
    case 'presence':
      return await presence(session, command.id, command.channel, time);
    case 'presence_stats':
      return await presenceStats(session, command.id, command.channel, time);
    case 'history':
      return await history(session, command.id, command.request, time);
    case 'rpc':
      return await rpc(session, command.id, command.request, time);
    case 'send':
      return await send(session, command.data, time);
    case 'refresh':
      return await refresh(session, command.id, command.token, time);
    case 'sub_refresh':
      return await subRefresh(session, command.id, command.request, time);
    case 'refused':
      throw command.error;
    case 'pong':
      throw disconnects.badRequest; // taken on its arrival, never queued
  }
}

/** In the grace of a token that has ended only a new one counts. */
function refuseExpired({ method }: Command): void {
  switch (method) {
    case 'refresh':
    case 'unsubscribe': // takes nothing that is not its own
    case 'refused':
      return;
    case 'send':
      throw disconnects.expired; // there is no reply to put it in
    case 'subscribe':
    case 'sub_refresh':
      // 109 would be read as the end of the subscription; this way it will be asked for again.
      throw protocolErrors.internal;
    default:
      throw protocolErrors.tokenExpired;
  }
}
