import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { createTransport } from 'nodemailer';
import MailComposer from 'nodemailer/lib/mail-composer';
import { ENVIRONMENT, type Environment } from '../../environment.ts';

export interface Mail {
  to: { name: string; address: string };
  subject: string;
  text: string;
  /** The same for the same mail, where one might be sent twice: mail programs then show one. */
  messageId?: string;
}

/** What became of a number of mails. */
export interface MailCount {
  sent: number;
  failed: number;
}

const FROM = { name: 'Trunkline demo', address: 'no-reply@trunkline.test' };
/** Connections to the mail server. */
const AT_ONCE = 5;
/** After so many failures in a row the mail server is taken for gone. */
const GIVE_UP_AFTER = 20;
const PROGRESS_EVERY = 500;

export interface SendAllOptions {
  /** Stops before the next mail. */
  signal?: AbortSignal;
  /** Called after every 500 mails with how many have been sent. */
  onProgress?: (sent: number) => Promise<void>;
  /** Called with each mail that has been sent. */
  onSent?: (mail: Mail) => void;
}

/** Sends mails by SMTP or, without a server, writes them to a file that mail programs open. */
@Injectable()
export class MailService implements OnApplicationShutdown {
  readonly #logger = new Logger(MailService.name);
  readonly #folder: string;
  readonly #smtp: ReturnType<typeof smtpTransport> | undefined;

  constructor(
    @Inject(ENVIRONMENT) { DATA_DIR, SMTP_URL }: Pick<Environment, 'DATA_DIR' | 'SMTP_URL'>,
  ) {
    this.#folder = join(DATA_DIR, 'mail');
    this.#smtp = SMTP_URL === undefined ? undefined : smtpTransport(SMTP_URL);
  }

  onApplicationShutdown(): void {
    this.#smtp?.close();
  }

  /** Sends all, a few at once. A mail that fails is counted; it never throws. */
  async sendAll(
    batchId: string,
    mails: readonly Mail[],
    { signal, onProgress, onSent }: SendAllOptions = {},
  ): Promise<MailCount> {
    let sent = 0;
    let failuresInARow = 0;
    const way = this.#smtp ? bySmtp(this.#smtp) : intoFile(this.#folder, batchId);
    const queue = mails.entries();
    const work = async () => {
      for (const [index, mail] of queue) {
        if (signal?.aborted || failuresInARow >= GIVE_UP_AFTER) return;
        try {
          await way.deliver(mail, index);
          onSent?.(mail);
          sent += 1;
          failuresInARow = 0;
          if (sent % PROGRESS_EVERY === 0) await onProgress?.(sent);
        } catch (error) {
          failuresInARow += 1;
          if (failuresInARow === 1) this.#logger.warn(`A mail was not sent: ${String(error)}`);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    await way.close();
    return { sent, failed: mails.length - sent };
  }
}

/** How mails leave. */
interface Way {
  deliver(mail: Mail, index: number): Promise<unknown>;
  close(): Promise<void>;
}

function bySmtp(smtp: ReturnType<typeof smtpTransport>): Way {
  return { deliver: (mail) => smtp.sendMail(mail), close: async () => {} };
}

/** One mailbox file per batch, in the mbox form of RFC 4155: ten thousand files would be slow. */
function intoFile(folder: string, batchId: string): Way {
  let opening: Promise<FileHandle> | undefined;
  const openFile = async () => {
    await mkdir(folder, { recursive: true });
    return await open(join(folder, `${batchId}.mbox`), 'a');
  };
  return {
    deliver: async (mail, index) => {
      opening ??= openFile();
      const file = await opening;
      // Half the time of a stream transport's, and an import has thousands.
      const messageId = `<${batchId}-${index}@trunkline.test>`;
      const message = new MailComposer({ from: FROM, messageId, ...mail }).compile();
      await file.appendFile(toMbox(await message.build()));
    },
    close: async () => {
      const file = await opening?.catch(() => undefined); // told by each mail that failed
      await file?.close();
    },
  };
}

/** A message as an entry of a mailbox file: lines that look like an entry's first are marked. */
function toMbox(message: Buffer): string {
  const date = new Date()
    .toUTCString()
    .replace(/(\w+), (\d+) (\w+) (\d+) (.+) GMT/, '$1 $3 $2 $5 $4');
  const text = message
    .toString()
    .replaceAll('\r\n', '\n')
    .replace(/^From /gm, '>From ');
  return `From ${FROM.address} ${date}\n${text}\n\n`;
}

function smtpTransport(url: string) {
  const timeouts = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 };
  return createTransport({ url, pool: true, maxConnections: AT_ONCE, ...timeouts }, { from: FROM });
}
