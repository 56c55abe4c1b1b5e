import { type FormEvent, useRef, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { Field } from '../ui/field.tsx';

interface LoginFormProps {
  isPending: boolean;
  onSubmit: (email: string, password: string) => Promise<void>;
}

/** E-mail and password. */
export function LoginForm({ isPending, onSubmit }: LoginFormProps) {
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [wasSubmitted, setWasSubmitted] = useState(false);
  const emailField = useRef<HTMLInputElement>(null);
  const passwordField = useRef<HTMLInputElement>(null);
  const emailProblem = isAddress(email) ? null : 'Enter your e-mail address.';
  const passwordProblem = password === '' ? 'Enter your password.' : null;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setWasSubmitted(true);
    if (emailProblem) emailField.current?.focus();
    else if (passwordProblem) passwordField.current?.focus();
    else void onSubmit(email.trim(), password);
  };

  return (
    <form noValidate onSubmit={submit} className="mt-5 flex flex-col gap-4">
      <Field
        ref={emailField}
        label="E-mail"
        type="email"
        autoComplete="username"
        value={email}
        maxLength={254}
        problem={wasSubmitted ? emailProblem : null}
        onChange={(event) => setEmail(event.target.value)}
      />
      <Field
        ref={passwordField}
        label="Password"
        type="password"
        autoComplete="current-password"
        value={password}
        maxLength={200}
        problem={wasSubmitted ? passwordProblem : null}
        onChange={(event) => setPassword(event.target.value)}
      />
      <Button type="submit" variant="primary" size="large" disabled={isPending} className="mt-1">
        {isPending ? 'Logging in…' : 'Log in'}
      </Button>
    </form>
  );
}

function isAddress(email: string): boolean {
  return /^\S+@\S+$/.test(email.trim());
}
