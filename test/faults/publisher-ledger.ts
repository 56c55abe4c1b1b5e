import { readFile } from 'node:fs/promises';
import type { Published } from '../../packages/server/test/model/ledger.ts';
import type { PublishOutcome } from './publisher.ts';

/** A call, as it is put down before it is made. */
interface Called {
  readonly id: string;
  readonly channel: string;
  readonly tenantId: string;
  readonly at: number;
  readonly isVolatile: boolean;
  readonly isRepeat: boolean;
}

/** One line of a ledger file. */
export function callLine({ id, channel, tenantId, at, isVolatile, isRepeat }: Called): string {
  return `call\t${id}\t${channel}\t${tenantId}\t${at}\t${isVolatile ? 'v' : ''}\t${isRepeat ? 'r' : ''}\n`;
}

/** One line of a ledger file. */
export function outcomeLine({ id, status, epoch, offset }: PublishOutcome, at: number): string {
  return `end\t${id}\t${status}\t${epoch}\t${offset}\t${at}\n`;
}

type Open = { -readonly [Name in keyof Published]: Published[Name] };

/** What one node has published in all its lives, in the order of its calls. */
export async function readPublisherLedger(publisher: string, file: string): Promise<Published[]> {
  const published: Open[] = [];
  const open = new Map<string, Open[]>();
  for (const line of (await readFile(file, 'utf8')).split('\n')) {
    const [kind, id = '', ...rest] = line.split('\t');
    if (kind === 'call') {
      const call = openCall(publisher, id, rest);
      published.push(call);
      open.set(id, [...(open.get(id) ?? []), call]);
    } else if (kind === 'end') {
      // Of several calls with one id, each gets the next outcome that there is.
      const call = open.get(id)?.shift();
      if (call) settle(call, rest);
    }
  }
  return published;
}

function openCall(publisher: string, id: string, fields: readonly string[]): Open {
  const [channel = '', tenantId = '', at = '', isVolatile, isRepeat] = fields;
  return {
    id,
    channel,
    tenantId,
    publisher,
    calledAt: Number(at),
    outcome: 'unknown',
    position: null,
    ...(isVolatile ? { isVolatile: true } : {}),
    ...(isRepeat ? { isRepeat: true } : {}),
  };
}

function settle(call: Open, fields: readonly string[]): void {
  const [status = '', epoch = '', offset = '', at = ''] = fields;
  call.outcome = status as Published['outcome'];
  call.settledAt = Number(at);
  if (Number(offset) > 0) call.position = { epoch, offset: Number(offset) };
}
