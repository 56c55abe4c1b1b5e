// The load: many clients in one process, and the publisher that they wait for.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setPriority } from 'node:os';
import { answer } from '../../test/lab/child.ts';
import { type Arrival, Crowd, type CrowdOptions } from './crowd.ts';
import { Publisher } from './publisher.ts';
import { comeBack } from './recovery.ts';

const crowd = new Crowd();
const publisher = new Publisher(crowd);
/** Of the nodes that publish already. */
const controlPorts = new Set<number>();

async function open(options: CrowdOptions & { controlPort: number }): Promise<Arrival> {
  const { controlPort } = options;
  if (!controlPorts.has(controlPort)) publisher.add(await openControl(controlPort));
  controlPorts.add(controlPort);
  return await crowd.open(options);
}

async function openControl(port: number): Promise<Socket> {
  const control = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(control, 'connect');
  return control;
}

answer({
  open,
  loop: (options: Parameters<Publisher['loop']>[0]) => publisher.loop(options),
  pace: (options: Parameters<Publisher['pace']>[0]) => publisher.pace(options),
  flood: (options: Parameters<Publisher['flood']>[0]) => publisher.flood(options),
  cut: () => crowd.cut(),
  comeBack: (options: Parameters<typeof comeBack>[1]) => comeBack(crowd, options),
  leave: () => crowd.leave(),
  pause: () => crowd.pause(),
  resume: ({ deliveries }: { deliveries: number }) => crowd.resume(deliveries),
  deliveries: () => crowd.deliveries,
  cpuMs: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  },
  /** From now on the others on this core come first, and whatever the server does to these is fine. */
  giveWay: () => {
    setPriority(10);
    crowd.isTolerant = true;
  },
});
