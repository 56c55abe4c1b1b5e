/** What is published: about 200 bytes of JSON, a new object each time. */
export interface BenchEvent {
  readonly type: string;
  readonly data: {
    /** The event's number in its stream, of fixed width: who hears it finds it without parsing. */
    readonly n: string;
    readonly order: string;
    readonly status: string;
    readonly customer: { readonly id: number; readonly name: string };
    readonly total: number;
    readonly items: number;
    readonly note: string;
  };
}

/** Digits of an event's number. */
export const NUMBER_WIDTH = 8;

/** The n-th event of a stream. */
export function newEvent(n: number): BenchEvent {
  return {
    type: 'order:updated',
    data: {
      n: String(n).padStart(NUMBER_WIDTH, '0'),
      order: `ord_${1_000_000 + n}`,
      status: n % 2 === 0 ? 'packed' : 'shipped',
      customer: { id: 10_000 + (n % 1_000), name: 'Ada Lovelace' },
      total: 129.9,
      items: 3,
      note: 'Leave it with the neighbours, please.',
    },
  };
}
