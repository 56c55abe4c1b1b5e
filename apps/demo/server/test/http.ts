import { TENANT_HEADER } from '@trunkline/contract';

/** A browser as far as HTTP goes: keeps its cookie, and says which tenant its page works in. */
export class Browser {
  readonly #url: string;
  readonly #tenantId: string | undefined;
  #cookie = '';

  constructor(url: string, { tenantId, cookie = '' }: { tenantId?: string; cookie?: string } = {}) {
    this.#url = url;
    this.#tenantId = tenantId;
    this.#cookie = cookie;
  }

  /** Another tab of this browser, whose page works in this tenant. */
  tab(tenantId?: string): Browser {
    const tenant = tenantId === undefined ? {} : { tenantId };
    return new Browser(this.#url, { ...tenant, cookie: this.#cookie });
  }

  get cookie(): string {
    return this.#cookie;
  }

  async request(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ) {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: {
        ...(this.#cookie ? { cookie: this.#cookie } : {}),
        ...(this.#tenantId === undefined ? {} : { [TENANT_HEADER]: this.#tenantId }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const setCookie = response.headers.get('set-cookie');
    if (setCookie) this.#cookie = setCookie.split(';')[0] ?? '';
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    // oxlint-disable-next-line typescript/no-explicit-any -- a test reads what it expects
    const json: any = isJson ? JSON.parse(text) : undefined;
    return { status: response.status, headers: response.headers, text, json };
  }

  get(path: string) {
    return this.request('GET', path);
  }

  post(path: string, body?: unknown, headers?: Record<string, string>) {
    return this.request('POST', path, body, headers);
  }

  patch(path: string, body?: unknown) {
    return this.request('PATCH', path, body);
  }

  delete(path: string) {
    return this.request('DELETE', path);
  }

  login(email: string, password = 'demo') {
    return this.post('/api/auth/login', { email, password });
  }
}
