import type { Mail } from '@/infrastructure/mail/mail.service';
import type { SavedUser } from './users.service.ts';

/** What somebody gets whom an import has brought. */
export function welcomeMail({ name, email }: SavedUser): Mail {
  return {
    to: { name, address: email },
    subject: 'Welcome to Trunkline',
    text: `Hello ${name},\n\nyour account is ready.\n`,
  };
}
