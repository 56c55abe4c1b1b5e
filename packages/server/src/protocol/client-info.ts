import type { ClientInfo } from '../broker/broker.ts';

/** It goes out with each publication and with each look at who is here. */
const MAX_INFO_BYTES = 2048;

/**
 * What others may see, as the JSON text that they will get; `undefined`: nothing. Throws a `TypeError`
 * for what has no JSON form or has more than 2 KiB of it.
 */
export function infoText(info: unknown): string | undefined {
  if (info === undefined) return undefined;
  const text = toJson(info);
  if (text === undefined) throw new TypeError(`info must be JSON, got ${typeof info}`);
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_INFO_BYTES) return text;
  throw new TypeError(`info must have at most ${MAX_INFO_BYTES} bytes as JSON, got ${bytes}`);
}

/** How a client is named to others, on the wire. */
export function clientInfoBody({ user, client, connInfo, chanInfo }: ClientInfo): string {
  const fields = [`"user":${JSON.stringify(user)},"client":${JSON.stringify(client)}`];
  if (connInfo !== undefined) fields.push(`"conn_info":${connInfo}`);
  if (chanInfo !== undefined) fields.push(`"chan_info":${chanInfo}`);
  return `{${fields.join(',')}}`;
}

function toJson(info: unknown): string | undefined {
  try {
    return JSON.stringify(info);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`info must be JSON: ${reason}`, { cause });
  }
}
