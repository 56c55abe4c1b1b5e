import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { createTransport } from 'nodemailer';
import MailComposer from 'nodemailer/lib/mail-composer';
import { ENVIRONMENT, type Environment } from '../../environment.ts';

export interface Mail {
  to: { name: string; address: string };
  subject: string;
  text: string;
}

/** What became of a number of mails. */
export interface MailCount {
  sent: number;
  failed: number;
}

const FROM = { name: 'Trunkline demo', address: 'no-reply@trunkline.test' };
/** Connections to the mail server. More files at once are no faster either. */
const AT_ONCE = 5;
/** After so many failures in a row the mail server is taken for gone. */
const GIVE_UP_AFTER = 20;
const PROGRESS_EVERY = 500;

export interface SendAllOptions {
  /** Stops before the next mail. */
  signal?: AbortSignal;
  /** Called after every 500 mails with how many have been sent. */
  onProgress?: (sent: number) => Promise<void>;
}

/** Sends mails by SMTP or, without a server, writes them as files that mail programs open. */
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
    { signal, onProgress }: SendAllOptions = {},
  ): Promise<MailCount> {
    let sent = 0;
    let failuresInARow = 0;
    const deliver = this.#smtp ? this.#bySmtp(this.#smtp) : this.#asFiles(batchId);
    const queue = mails.entries();
    const work = async () => {
      for (const [index, mail] of queue) {
        if (signal?.aborted || failuresInARow >= GIVE_UP_AFTER) return;
        try {
          await deliver(mail, index);
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
    return { sent, failed: mails.length - sent };
  }

  #bySmtp(smtp: ReturnType<typeof smtpTransport>): Deliver {
    return (mail) => smtp.sendMail(mail);
  }

  #asFiles(batchId: string): Deliver {
    const folder = join(this.#folder, batchId);
    let made: Promise<unknown> | undefined;
    return async (mail, index) => {
      made ??= mkdir(folder, { recursive: true });
      await made;
      // Half the time of a stream transport's, and an import has thousands.
      const messageId = `<${batchId}-${index}@trunkline.test>`;
      const message = new MailComposer({ from: FROM, messageId, ...mail }).compile();
      const name = `${String(index + 1).padStart(5, '0')}.eml`;
      await writeFile(join(folder, name), await message.build());
    };
  }
}

type Deliver = (mail: Mail, index: number) => Promise<unknown>;

function smtpTransport(url: string) {
  const timeouts = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 };
  return createTransport({ url, pool: true, maxConnections: AT_ONCE, ...timeouts }, { from: FROM });
}
