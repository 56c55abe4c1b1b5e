import type { History, Publication } from '../broker/broker.ts';
import { protocolErrors } from '../errors.ts';
import type { HistoryRequest, RecoverRequest } from '../protocol/command.ts';
import { historyReply, publicationBody } from '../protocol/reply.ts';
import { ReplyBudget, sizeOf } from '../recovery.ts';
import type { Session } from '../session.ts';
import type { TimeBudget } from '../time-budget.ts';
import { requireReader } from './authorize.ts';
import { itemBytes, writeLarge } from './large-reply.ts';

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
  const key = session.node.alarm.keyOf({ realm, target: { kind: 'room', room } }, session);
  const reading = session.node.history(key, afterOffset(request));
  const past = await session.whileOpen(time.spend('the broker', reading));
  if (since && since.epoch !== '' && since.epoch !== past.top.epoch) {
    throw protocolErrors.unrecoverable;
  }
  const publications = fitting(session, select(past, request));
  writeLarge(session, historyReply(id, room, { publications, top: past.top }));
}

/** Where to begin to read; `null`: the top alone. */
function afterOffset({ limit, since, reverse }: HistoryRequest): number | null {
  if (limit === 0) return null;
  return reverse ? 0 : (since?.offset ?? 0);
}

function select({ publications }: History, request: HistoryRequest): readonly Publication[] {
  const { limit, since, reverse } = request;
  const count = limit < 0 ? Infinity : limit;
  if (!reverse) return publications.slice(0, count);
  return before(publications, since).toReversed().slice(0, count);
}

function before(
  publications: readonly Publication[],
  since: RecoverRequest | undefined,
): readonly Publication[] {
  return since ? publications.filter(({ offset }) => offset < since.offset) : publications;
}

/** The first of them, as many as one reply may have; the client asks for the rest from there. */
function fitting(session: Session, publications: readonly Publication[]): readonly string[] {
  const { limits } = session.node;
  const budget = new ReplyBudget(itemBytes(session));
  const end = publications.findIndex(
    (publication, index) =>
      index >= limits.maxHistoryPublications || !budget.take(sizeOf([publication])),
  );
  if (end < 0) return publications.map(publicationBody);
  const limit = end < limits.maxHistoryPublications ? 'maxRecoveryBytes' : 'maxHistoryPublications';
  session.node.exceeded(limit, { client: session.id });
  // None at all would look as if there were none.
  if (end === 0) throw protocolErrors.tooManyRequests;
  return publications.slice(0, end).map(publicationBody);
}
