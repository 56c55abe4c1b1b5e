import {
  isOperationEvent,
  isTerminal,
  type OperationEventType,
  type OperationState,
  operationEventProblem,
  operationLabel,
  toPercentage,
} from '@trunkline/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('toPercentage', () => {
  it.each([
    [45, 45],
    [0, 0],
    [100, 100],
    [33.3, 33.3],
    ['45', 45],
    [' 45 ', 45],
    ['45.5', 45.5],
    [-5, 0],
    ['-5', 0],
    [140, 100],
    [Number.POSITIVE_INFINITY, 100],
    [Number.NEGATIVE_INFINITY, 0],
  ])('%j is %j', (value, percentage) => {
    expect(toPercentage(value)).toBe(percentage);
  });

  it.each([undefined, null, Number.NaN, 'NaN', '', ' ', '45%', 'half', {}, [], [45], true, 45n])(
    '%s is no percentage',
    (value) => {
      expect(toPercentage(value)).toBeUndefined();
    },
  );

  it('is nothing, or between 0 and 100, whatever comes', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true }), (value) => {
        const percentage = toPercentage(value);
        expect(percentage === undefined || (percentage >= 0 && percentage <= 100)).toBe(true);
      }),
    );
  });
});

describe('operationLabel', () => {
  it.each([
    ['data-export', 'Data Export'],
    ['tenant-creation', 'Tenant Creation'],
    ['user_import', 'User Import'],
    ['my.operation', 'My Operation'],
    ['file  upload', 'File Upload'],
    ['-export--now-', 'Export Now'],
    ['CSVImport', 'CSVImport'],
    ['élan-vital', 'Élan Vital'],
    ['export', 'Export'],
    ['', ''],
    ['---', ''],
  ])('%j reads %j', (operationType, label) => {
    expect(operationLabel(operationType)).toBe(label);
  });
});

describe('operationEventProblem', () => {
  const ids = { operationId: 'op-123', operationType: 'data-export' };

  it.each<[OperationEventType, unknown]>([
    ['operation:progress', ids],
    ['operation:progress', { ...ids, percentage: 'half', stage: 'x', extra: 1 }],
    ['operation:progress', { ...ids, attempt: 1 }],
    ['operation:complete', ids],
    ['operation:complete', { ...ids, result: null }],
    ['operation:error', { ...ids, error: '' }],
    ['operation:error', { ...ids, error: 'boom' }],
    ['operation:error', { ...ids, error: { message: 'boom', code: 'E_BOOM', retryable: true } }],
    ['operation:progress', { operationId: 'x'.repeat(200), operationType: 'y'.repeat(200) }],
  ])('%s: nothing is wrong with %j', (type, data) => {
    expect(operationEventProblem(type, data)).toBeNull();
  });

  it.each<[OperationEventType, unknown, string]>([
    ['operation:progress', undefined, 'object'],
    ['operation:progress', null, 'object'],
    ['operation:progress', 'op-123', 'object'],
    ['operation:progress', {}, 'data.operationId'],
    ['operation:progress', { operationType: 'x' }, 'data.operationId'],
    ['operation:progress', { ...ids, operationId: 7 }, 'data.operationId'],
    ['operation:progress', { ...ids, operationId: 'x'.repeat(201) }, 'data.operationId'],
    ['operation:complete', { operationId: 'x' }, 'data.operationType'],
    ['operation:complete', { ...ids, operationType: '' }, 'data.operationType'],
    ['operation:progress', { ...ids, attempt: 0 }, 'data.attempt'],
    ['operation:progress', { ...ids, attempt: 1.5 }, 'data.attempt'],
    ['operation:progress', { ...ids, attempt: '1' }, 'data.attempt'],
    ['operation:progress', { ...ids, attempt: null }, 'data.attempt'],
    ['operation:error', ids, 'data.error'],
    ['operation:error', { ...ids, error: null }, 'data.error'],
    ['operation:error', { ...ids, error: {} }, 'data.error'],
    ['operation:error', { ...ids, error: { message: 7 } }, 'data.error'],
  ])('%s: of %j it names what is wrong', (type, data, named) => {
    expect(operationEventProblem(type, data)).toContain(named);
  });

  it('answers whatever comes, and never throws', () => {
    fc.assert(
      fc.property(fc.anything(), (data) => {
        const problem = operationEventProblem('operation:error', data);
        expect(problem === null || problem.startsWith('data')).toBe(true);
      }),
    );
  });
});

describe('operation states and events', () => {
  it.each<[OperationState, boolean]>([
    ['queued', false],
    ['running', false],
    ['cancelling', false],
    ['succeeded', true],
    ['failed', true],
    ['cancelled', true],
    ['crashed', true],
  ])('%s is final: %s', (state, isFinal) => {
    expect(isTerminal(state)).toBe(isFinal);
  });

  it('knows its three event types and no other', () => {
    for (const type of ['operation:progress', 'operation:complete', 'operation:error']) {
      expect(isOperationEvent(type)).toBe(true);
    }
    for (const type of ['operation:', 'operation:cancel', 'operation', 'toString', '']) {
      expect(isOperationEvent(type)).toBe(false);
    }
  });
});
