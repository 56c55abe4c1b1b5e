import { Injectable } from '@nestjs/common';
import type { OperationHandle } from '@trunkline/nestjs';
import { type Mail, type MailCount, MailService } from '@/infrastructure/mail/mail.service';
import { number } from '@/numbers';
import { type ImportedUser, ImportedUsers } from './imported-users.ts';
import { welcomeMail } from './welcome-mail.ts';

/** Of so many nobody knows after a crash whether their mail went out: they get it once more. */
const MAILS_PER_MARK = 100;

/** Sends the welcome mails of a stored import, and no second one when it is tried again. */
@Injectable()
export class WelcomeService {
  constructor(
    private readonly imported: ImportedUsers,
    private readonly mail: MailService,
  ) {}

  /** Counts the mails of earlier attempts too. */
  async welcome(tenantId: string, total: number, operation: OperationHandle): Promise<MailCount> {
    const count = { sent: 0, failed: 0 };
    for await (const page of this.imported.pages(tenantId, operation.id, MAILS_PER_MARK)) {
      operation.signal.throwIfAborted();
      const { sent, isHopeless } = await this.#welcomePage(page, operation);
      count.sent += sent;
      if (isHopeless) break; // the mail server is gone: each further mail would wait for it
      const message = `Sending welcome emails... ${number(count.sent)} of ${number(total)}`;
      await operation.progress({ stage: 'finalizing', percentage: 90, message });
    }
    return { sent: count.sent, failed: total - count.sent };
  }

  async #welcomePage(
    page: readonly ImportedUser[],
    { id, signal }: OperationHandle,
  ): Promise<{ sent: number; isHopeless: boolean }> {
    const waiting = page.filter(({ welcomedAt }) => welcomedAt === null);
    const userOf = new Map(waiting.map((user) => [mailTo(user), user.id]));
    const sent: string[] = [];
    const onSent = (mail: Mail) => void sent.push(userOf.get(mail) ?? '');
    await this.mail.sendAll(id, [...userOf.keys()], { signal, onSent });
    if (sent.length > 0) await this.imported.markWelcomed(sent);
    signal.throwIfAborted();
    return {
      sent: page.length - waiting.length + sent.length,
      isHopeless: waiting.length > 0 && sent.length === 0,
    };
  }
}

function mailTo(user: ImportedUser): Mail {
  return { ...welcomeMail(user), messageId: `<welcome-${user.id}@trunkline.test>` };
}
