import { CONNECTION_PATH, fallbackPaths } from '@trunkline/contract';
import { expect, test } from 'vitest';

test.each([
  [CONNECTION_PATH, '/connection/http_stream', '/connection/sse', '/emulation'],
  [
    '/api/connection/websocket',
    '/api/connection/http_stream',
    '/api/connection/sse',
    '/api/emulation',
  ],
  ['/live', '/live/http_stream', '/live/sse', '/live/emulation'],
  ['/live/', '/live/http_stream', '/live/sse', '/live/emulation'],
  ['/', '/http_stream', '/sse', '/emulation'],
  ['/websocket', '/websocket/http_stream', '/websocket/sse', '/websocket/emulation'],
])('the paths of %s', (path, httpStream, sse, emulation) => {
  expect(fallbackPaths(path)).toEqual({ httpStream, sse, emulation });
});
