import type { TestProject } from 'vitest/node';
import { ServiceDesk } from './service-desk.ts';

/** Vitest calls it before the test files run, and what it returns after them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const desk = new ServiceDesk();
  project.provide('serviceDesk', await desk.open());
  return () => desk.close();
}
