import {
  Get,
  Header,
  HttpCode,
  Inject,
  Param,
  Post,
  Req,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import type { OperationList, OperationSnapshot } from '@trunkline/contract';
import { Operations } from '@trunkline/operations';
import type { Principal } from '@trunkline/server';
import { ClientGone } from './client-gone.ts';
import { OperationErrorFilter } from './operation-error.filter.ts';
import { filterIn, timeoutIn } from './operation-query.ts';
import { CurrentPrincipal, PrincipalGuard } from './principal.guard.ts';
import type { HttpRequest } from './principal-source.ts';
import { AnswersAsStarted } from './starts-operation.ts';

/** How an operation stands is old in a moment: nobody keeps the answer. */
export const NotStored = (): MethodDecorator => Header('Cache-Control', 'no-store');

/** The operations that who is logged in may see, over HTTP. */
@UseGuards(PrincipalGuard)
@UseFilters(OperationErrorFilter)
export class OperationsController {
  protected readonly operations: Operations;

  constructor(@Inject(Operations) operations: Operations) {
    this.operations = operations;
  }

  @Get()
  @NotStored()
  async list(
    @Req() request: HttpRequest,
    @CurrentPrincipal() { userId }: Principal,
  ): Promise<OperationList> {
    return await this.operations.list(filterIn(urlOf(request), userId));
  }

  @Get(':id')
  @NotStored()
  async find(@Param('id') id: string): Promise<OperationSnapshot> {
    return await this.operations.get(id);
  }

  @Get(':id/wait')
  @NotStored()
  async wait(
    @Param('id') id: string,
    @Req() request: HttpRequest,
    @ClientGone() signal: AbortSignal,
  ): Promise<OperationSnapshot> {
    return await this.operations.wait(id, { timeoutMs: timeoutIn(urlOf(request)), signal });
  }

  @Post(':id/cancel')
  @HttpCode(202)
  @NotStored()
  async cancel(@Param('id') id: string): Promise<OperationSnapshot> {
    return await this.operations.cancel(id);
  }

  @Post(':id/retry')
  @AnswersAsStarted()
  @NotStored()
  async retry(@Param('id') id: string): Promise<OperationSnapshot> {
    return await this.operations.retry(id);
  }
}

/** The path and the query of a request. */
function urlOf({ originalUrl, url = '/' }: HttpRequest): string {
  return originalUrl ?? url;
}
