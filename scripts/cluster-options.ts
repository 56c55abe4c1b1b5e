import { parseArgs } from 'node:util';

/** What `npm run cluster` was asked for. */
export interface ClusterOptions {
  readonly nodes: number;
  /** nginx's; the nodes have the ports behind it. */
  readonly port: number;
}

const USAGE = 'Usage: npm run cluster -- [--nodes 3] [--port 3000]';
const MAX_NODES = 16;

/** An option cannot be used. The message has the usage, too. */
export class UsageError extends Error {
  override readonly name = 'UsageError';

  constructor(problem: string) {
    super(`${problem}\n${USAGE}`);
  }
}

/** Reads the options from the command line. Throws a `UsageError`. */
export function readClusterOptions(args: readonly string[]): ClusterOptions {
  const { nodes, port } = valuesOf(args);
  return {
    nodes: wholeNumber('nodes', nodes, 1, MAX_NODES),
    port: wholeNumber('port', port, 1024, 65_535 - MAX_NODES),
  };
}

function valuesOf(args: readonly string[]): { nodes: string; port: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        nodes: { type: 'string', default: '3' },
        port: { type: 'string', default: '3000' },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`--${name} is a whole number from ${min} to ${max}, got ${text}`);
}
