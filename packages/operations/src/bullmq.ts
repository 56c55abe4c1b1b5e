export { operationProcessor, type ProcessorOptions } from './bullmq-processor.ts';
export { type BullmqRunnerOptions, bullmqRunner } from './bullmq-runner.ts';
