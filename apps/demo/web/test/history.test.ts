import { describe, expect, test } from 'vitest';
import {
  type ChatHistory,
  type ChatMessage,
  hasHole,
  type MessagesAnswer,
  withMessage,
  withNewestPage,
  withOlderPage,
} from '../src/chat/history.ts';

const message = (seq: number, text = `number ${seq}`): ChatMessage => ({
  id: `m${seq}`,
  chatId: 'c',
  seq,
  userId: 'ada',
  userName: 'Ada',
  text,
  clientMessageId: null,
  sentAt: '2026-01-01T00:00:00.000Z',
});
const messages = (from: number, to: number): ChatMessage[] =>
  Array.from({ length: to - from + 1 }, (_, index) => message(from + index));
const page = (from: number, to: number): MessagesAnswer => ({
  messages: messages(from, to),
  hasMore: from > 1,
});
const loaded = (from: number, to: number): ChatHistory => ({ ...page(from, to), isLoaded: true });
const seqs = (history: ChatHistory | undefined) => history?.messages.map(({ seq }) => seq);

describe('a live message', () => {
  test('comes last', () => {
    expect(seqs(withMessage(loaded(1, 3), message(4)))).toEqual([1, 2, 3, 4]);
  });

  test('goes where its seq belongs, whenever it comes', () => {
    const late = withMessage(withMessage(loaded(1, 3), message(5)), message(4));
    expect(seqs(late)).toEqual([1, 2, 3, 4, 5]);
  });

  test('that is known already is there once', () => {
    const twice = withMessage(withMessage(loaded(1, 3), message(4)), message(4, 'again'));
    expect(seqs(twice)).toEqual([1, 2, 3, 4]);
    expect(twice.messages.at(-1)?.text).toBe('again');
  });

  test('older than what is loaded waits for its page', () => {
    expect(seqs(withMessage(loaded(51, 100), message(7)))).toEqual(seqs(loaded(51, 100)));
  });

  test('before the first page does not count as the history', () => {
    expect(withMessage(undefined, message(9))).toEqual({
      messages: [message(9)],
      hasMore: false,
      isLoaded: false,
    });
  });
});

describe('a message that never came', () => {
  test('leaves a hole, until the page with it is loaded', () => {
    const history = withMessage(loaded(1, 3), message(6));
    expect(hasHole(history)).toBe(true);
    expect(hasHole(withNewestPage(history, page(1, 6)))).toBe(false);
  });

  test('is no hole where it is older than what is loaded, or nothing is', () => {
    expect(hasHole(loaded(51, 100))).toBe(false);
    expect(hasHole(withMessage(withMessage(undefined, message(7)), message(9)))).toBe(false);
    expect(hasHole(withNewestPage(undefined, { messages: [], hasMore: false }))).toBe(false);
  });
});

describe('the newest page', () => {
  test('is the history of a chat that was not known', () => {
    expect(withNewestPage(undefined, page(51, 100))).toEqual(loaded(51, 100));
  });

  test('keeps what came live while it was on its way', () => {
    const before = withMessage(withMessage(undefined, message(100)), message(101));
    const history = withNewestPage(before, page(51, 100));
    expect(history).toEqual({ ...loaded(51, 101) });
  });

  test('keeps older pages that it continues', () => {
    const history = withNewestPage(loaded(1, 60), page(41, 90));
    expect(seqs(history)).toEqual(seqs(loaded(1, 90)));
    expect(history.hasMore).toBe(false);
  });

  test('that begins right behind what is known loses nothing', () => {
    expect(seqs(withNewestPage(loaded(1, 50), page(51, 100)))).toEqual(seqs(loaded(1, 100)));
  });

  test('drops what is older than a gap that it does not fill', () => {
    const before = withMessage(loaded(1, 50), message(200));
    const history = withNewestPage(before, page(151, 200));
    expect(seqs(history)).toEqual(seqs(loaded(151, 200)));
    expect(history.hasMore).toBe(true);
  });

  test('of an empty chat is empty', () => {
    expect(withNewestPage(undefined, { messages: [], hasMore: false })).toEqual({
      messages: [],
      hasMore: false,
      isLoaded: true,
    });
  });

  test('of a chat whose first message came live meanwhile has that message', () => {
    const before = withMessage(undefined, message(1));
    expect(seqs(withNewestPage(before, { messages: [], hasMore: false }))).toEqual([1]);
  });
});

describe('an older page', () => {
  test('goes before what is known', () => {
    const history = withOlderPage(loaded(51, 100), page(1, 50), 51);
    expect(history).toEqual(loaded(1, 100));
  });

  test('that comes twice changes nothing', () => {
    const once = withOlderPage(loaded(51, 100), page(1, 50), 51);
    expect(withOlderPage(once, page(1, 50), 51)).toBe(once);
  });

  test('of a history that begins elsewhere by now is ignored', () => {
    const now = loaded(151, 200);
    expect(withOlderPage(now, page(1, 50), 51)).toBe(now);
    expect(withOlderPage(undefined, page(1, 50), 51)).toBeUndefined();
  });
});
