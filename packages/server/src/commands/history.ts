import { channelKey } from '@trunkline/contract';
import type { History, Publication } from '../broker/broker.ts';
import { protocolErrors } from '../errors.ts';
import type { HistoryRequest, RecoverRequest } from '../protocol/command.ts';
import { historyReply } from '../protocol/reply.ts';
import { ReplyBudget } from '../recovery.ts';
import type { Session } from '../session.ts';
import type { TimeBudget } from '../time-budget.ts';
import { requireReader } from './authorize.ts';
import { writeLarge } from './large-reply.ts';

/** `history`: a piece of a room's past, and where its stream stands. */
export async function history(
  session: Session,
  id: number,
  request: HistoryRequest,
  time: TimeBudget,
): Promise<void> {
  const { channel: room, since, reverse } = request;
  if (reverse && since?.offset === 0) throw protocolErrors.badRequest;
  const rule = await requireReader(session, room, time);
  // What is kept for recovery is not for reading until the rule says how much.
  if (!rule.history) throw protocolErrors.notAvailable;
  const { realm } = session.principal;
  const key = channelKey({ realm, target: { kind: 'room', room } });
  const reading = session.node.history(key, afterOffset(request));
  const past = await session.whileOpen(time.spend('the broker', reading));
  if (since && since.epoch !== '' && since.epoch !== past.top.epoch) {
    throw protocolErrors.unrecoverable;
  }
  const publications = select(past, request, session.node.limits.maxHistoryPublications);
  const fitting = within(session.node.limits.maxRecoveryBytes, publications);
  writeLarge(session, historyReply(id, { publications: fitting, top: past.top }));
}

/** Where to begin to read; `null`: the top alone. */
function afterOffset({ limit, since, reverse }: HistoryRequest): number | null {
  if (limit === 0) return null;
  return reverse ? 0 : (since?.offset ?? 0);
}

function select(
  { publications }: History,
  { limit, since, reverse }: HistoryRequest,
  maxPublications: number,
): readonly Publication[] {
  const count = Math.min(limit < 0 ? Infinity : limit, maxPublications);
  if (!reverse) return publications.slice(0, count);
  return before(publications, since).toReversed().slice(0, count);
}

function before(
  publications: readonly Publication[],
  since: RecoverRequest | undefined,
): readonly Publication[] {
  return since ? publications.filter(({ offset }) => offset < since.offset) : publications;
}

/** The first of them, as many as one reply may carry. */
function within(maxBytes: number, publications: readonly Publication[]): readonly Publication[] {
  const budget = new ReplyBudget(maxBytes);
  const end = publications.findIndex((publication) => !budget.take([publication]));
  return end < 0 ? publications : publications.slice(0, end);
}
