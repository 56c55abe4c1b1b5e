import type { ServerResponse } from 'node:http';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';

/** A response as both platforms show it: Fastify's has Node's inside. */
type HttpResponse = ServerResponse | { readonly raw: ServerResponse };

/** A parameter: a signal that is aborted when nobody is there any more who could be answered. */
export const ClientGone: () => ParameterDecorator = createParamDecorator(
  (_: unknown, execution: ExecutionContext): AbortSignal => {
    const response = execution.switchToHttp().getResponse<HttpResponse>();
    const answer = 'raw' in response ? response.raw : response;
    const gone = new AbortController();
    // of the request the same event comes as soon as it has been read
    answer.once('close', () => gone.abort());
    if (answer.destroyed) gone.abort();
    return gone.signal;
  },
);
