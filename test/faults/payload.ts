import { markerOf, type Payload } from '../../packages/server/test/model/ledger.ts';

/** What a publication of the lab says of itself. */
export interface LabPayload extends Payload {
  /** When it was called, by the clock of `now`. */
  readonly at: number;
}

/** The JSON text of one, `bytes` heavier than it must be. */
export function payloadText(
  about: Pick<LabPayload, 'id' | 'tenantId' | 'at'>,
  bytes: number,
): string {
  const { id, tenantId, at } = about;
  const payload: LabPayload = {
    id,
    tenantId,
    marker: markerOf(tenantId),
    rest: '.'.repeat(bytes),
    at,
  };
  return JSON.stringify(payload);
}

/** Is it as it was made? */
export function isWhole({ tenantId, marker, rest }: LabPayload): boolean {
  return marker === markerOf(tenantId) && rest === '.'.repeat(rest.length);
}
