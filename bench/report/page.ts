import { clusterSection } from '../cluster/report/section.ts';
import { type PeerEntry, RIVAL } from '../peers.ts';
import type { Run } from '../rounds.ts';
import type { Scenario } from '../scenarios/scenario.ts';
import { type Conditions, limitsText } from './conditions.ts';
import { goalRows } from './goals.ts';
import { type Place, ratioOf, spreadOf } from './statistics.ts';
import { asMarkdown, digits, type Rows, rowsOf } from './table.ts';

/** Everything that a report is made of. */
export interface Measured {
  readonly conditions: Conditions;
  readonly rounds: number;
  readonly slices: number;
  readonly scenarios: readonly Scenario[];
  readonly peers: readonly PeerEntry[];
  readonly runs: readonly Run[];
  readonly bases: readonly string[];
}

/** What `--profile` has shown, in words; to be read again with every whole run. */
const WHERE_IT_GOES = `Where a goal is missed, \`--profile\` shows where the time goes (2026-11-25, the same machine, the engine alone):

- **A room of 1,000**: 87 % of it is \`writeBuffer\`, the kernel's send with what it sets off on loopback; no function of
  ours has 3 %.
- **A room of 9,000**: 82 % \`writeBuffer\`, 6 % the loop that flushes. The **p99 at 36 events/s** is the time of a
  thousand sends: 80 % \`writeBuffer\`. Both are within 3 % of the ceiling, which misses these goals here.
- **1,000 rooms of 10**: 70 % \`writeBuffer\`, 6 % the loop that flushes, 5 % fan-out; the ceiling misses this goal too.
- **9,000 single users**: 49 % \`writeBuffer\`, 6 % garbage, 5 % printing the event, 4 % the order of recent streams,
  the rest in functions of 3 % and less. In a loop without sockets a publish takes 11 µs; without the history 8.7,
  without the bounded wait for the broker 8.9. The ceiling misses this goal too.
- **Connecting**: 12 % the answer to the handshake, 9 % garbage, 5 % the connect reply, then nothing above 4 %. A connect to \`ws\` alone is a third of one to Socket.IO: that is all that the goal would leave.`;

/** docs/benchmarks.md. */
export function pageOf(measured: Measured, cluster: Measured | null): string {
  const { scenarios, runs } = measured;
  const sections = scenarios.map((scenario) =>
    [`### ${capitalised(scenario.title)}`, note(scenario), asMarkdown(rowsOf(scenario, measured))]
      .filter((part) => part !== '')
      .join('\n\n'),
  );
  const parts = [
    '# Benchmarks',
    '<!-- Written by `npm run bench`: changes by hand are lost. -->',
    introduction(measured),
    '![CPU per delivery by server](bench.svg)',
    '## Goals',
    asMarkdown(goalRows(runs)),
    WHERE_IT_GOES,
    '## Cost against size',
    '![CPU per delivery and memory per connection at 100, 1,000 and 9,000](bench-size.svg)',
    'Memory is flat. CPU per delivery is 1.5 to 2.1 times as high at 9,000 connections as at 1,000 for every server, the\n' +
      'ceiling, nginx and Bun included; ours is 82 % the kernel’s send at 9,000, and was 87 % at 1,000. That so many\n' +
      'sockets do not fit into the caches is the likely cause; it was not measured.',
    '## All figures',
    ...sections,
    ...(cluster ? [clusterSection(cluster)] : []),
  ];
  return `${parts.join('\n\n')}\n`;
}

function introduction({ conditions, rounds, slices }: Measured): string {
  const { date, machine, node, command, isPinned, versions } = conditions;
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const cores = isPinned
    ? 'the server on one core, the load on the other'
    : 'server and load not pinned to cores';
  return [
    'What a Trunkline server costs beside what people use today, measured side by side by `npm run bench`.',
    'In each round three servers at a time are up, each in a process of its own, and do the same work in turns of',
    'less than a second, so that the same seconds of the machine are compared. The main figure is the server’s own',
    'CPU time per million deliveries, which the load cannot distort; rates stand beside the cores that the load',
    `used, and near 1 they are the load’s. Cells are median [lowest..highest] of ${rounds} rounds with ${slices} turns`,
    'each, the columns × the median of each turn’s ratio. Turns during which other processes used more than a',
    'fifth of a core are left out; `*` marks what only such turns exist of. Every delivery is counted and its',
    'order checked: a run that loses one fails. Connecting, memory, floods and recovery are measured once a',
    'round, on a server of their own.',
    '',
    `Measured on ${date} with Node.js ${node} on ${machine}; ${cores}; loopback. ${names.join(', ')}.`,
    `Command: \`${command}\`.`,
    '',
    'Events are about 200 bytes of JSON, a new object made and stringified for each publish. Trunkline puts',
    'each in its envelope, keeps its history and gives it an offset, and its connections hold a session with',
    'their user’s and their tenant’s channel beside the room; the others do no more than the work needs: their',
    'connections join one room, without compression, over WebSocket only. `ws-prebuilt` writes one prebuilt',
    'frame to each socket, past `ws`: the ceiling of what Node.js can do with one write per event. The goals',
    `are ratios to \`${RIVAL}\`, Socket.IO as NestJS sets it up.`,
    '',
    limitsText(),
  ].join('\n');
}

function note({ name }: Scenario): string {
  const notes: Readonly<Record<string, string>> = {
    memory:
      'Growth of the resident memory over a server with 1,000 connections, garbage collected, settled. ' +
      'The kernel’s own memory for sockets is not in it, and the same for all.',
    neighbour:
      'One tenant hears 50 events per second; the other publishes 300 per second to 1,000 connections, more ' +
      'than any server delivers. Only Trunkline has tenants with limits, and here they are the defaults.',
    recovery:
      'From the moment when all begin to return, 500 at once, until each has every event that it missed. ' +
      'Socket.IO with its connection state recovery.',
    publish: 'A hundred sends in one go, each awaited. Only Trunkline keeps a history.',
  };
  return notes[name] ?? '';
}

/** The README's short table: what an app with NestJS gains. */
export function summaryOf({ conditions, scenarios, runs }: Measured): string {
  const own = 'nestjs-trunkline';
  const rows = scenarios.flatMap(({ name, title, figures }) => {
    const [figure = 'cpuPerMillion'] = figures;
    const place = (peer: string): Place => ({ scenario: name, peer, figure });
    const ours = spreadOf(runs, place(own));
    const theirs = spreadOf(runs, place(RIVAL));
    const ratio = ratioOf(runs, place(own), RIVAL);
    if (figure !== 'cpuPerMillion' || !ours || !theirs || !ratio) return [];
    return [[title, digits(ours.median), digits(theirs.median), ratio.median.toFixed(2)]];
  });
  const table: Rows = [
    ['server CPU-seconds per million deliveries', 'Trunkline', 'Socket.IO', 'ratio'],
    ...rows,
  ];
  const { date, machine, node, command } = conditions;
  return [
    '![Server CPU per delivery, by server](docs/bench.svg)',
    asMarkdown(table),
    `Both in NestJS, Node.js ${node}, ${machine}, ${date}, \`${command}\`: [all figures](docs/benchmarks.md).`,
  ].join('\n\n');
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
