import {
  Body,
  Controller,
  Get,
  type INestApplication,
  Inject,
  Injectable,
  Param,
  Post,
  UseGuards,
} from '@nestjs/common';
import {
  CallData,
  type CanJoin,
  CurrentPrincipal,
  type Database,
  OnCall,
  OperationsModule,
  PrincipalGuard,
  type RoomParams,
  RoomPolicy,
  WebSocketService,
} from '@trunkline/nestjs';
import type {
  AuditSink,
  Broker,
  Handshake,
  Log,
  Node,
  Principal,
  Reauthorize,
} from '@trunkline/server';
import { NODE } from '../../packages/nestjs/src/options.ts';
import { appModule, type Platform, startApp } from '../../packages/nestjs/test/harness.ts';
import type { Accounts } from './accounts.ts';
import type { Secrets } from './markers.ts';
import { carryOut, type Order, type Outcome } from './orders.ts';
import { personOf, vaultOf } from './people.ts';

const SECRETS = Symbol('secrets');
const ON_HOOK = Symbol('on hook');

type OnHook = () => void;

/** The routes of a careless application: it believes whatever tenant the URL and the body name. */
@Controller()
class OrdersController {
  constructor(
    private readonly webSocketService: WebSocketService,
    @Inject(SECRETS) private readonly secrets: Secrets,
  ) {}

  @Get('me')
  @UseGuards(PrincipalGuard)
  me(@CurrentPrincipal() { userId, realm }: Principal) {
    return { userId, is: this.secrets.marker('page', realm) };
  }

  @Post('orders')
  @UseGuards(PrincipalGuard)
  async order(@Body() order: Order): Promise<Outcome> {
    return await carryOut(this.webSocketService, order);
  }

  @Post('tenants/:tenantId/orders')
  @UseGuards(PrincipalGuard)
  async orderIn(@Param('tenantId') tenantId: string, @Body() order: Order): Promise<Outcome> {
    return await carryOut(this.webSocketService, { ...order, tenantId });
  }
}

/** The same for clients that call over their connection. */
@Injectable()
class Calls {
  constructor(
    private readonly webSocketService: WebSocketService,
    @Inject(SECRETS) private readonly secrets: Secrets,
  ) {}

  @OnCall('whoami')
  whoami(@CurrentPrincipal() { userId, realm }: Principal) {
    return { userId, is: this.secrets.marker('answer', realm) };
  }

  @OnCall('order')
  async order(@CallData() order: Order): Promise<Outcome> {
    return await carryOut(this.webSocketService, order);
  }
}

/** A vault opens to everybody of its own realm. */
@Injectable()
@RoomPolicy('vault:*', { presence: true, history: { size: 20 }, publish: 'members', typing: true })
class VaultPolicy implements CanJoin {
  constructor(@Inject(ON_HOOK) private readonly onHook: OnHook) {}

  canJoin({ realm }: Principal, { room }: RoomParams): boolean {
    this.onHook();
    return room === vaultOf(realm);
  }
}

/** What an application is made from. */
export interface AppSetup {
  readonly platform: Platform;
  readonly accounts: Accounts;
  readonly secrets: Secrets;
  readonly broker: Broker;
  readonly log: Log;
  readonly audit: AuditSink;
  /** Hears of each call of a hook of the application. */
  readonly onHook: OnHook;
  /** Can it say what somebody may by now? Else they come back through `authenticate`. */
  readonly canReauthorize: boolean;
  /** Where it keeps operations, if it does. */
  readonly database?: Database | undefined;
}

/** The application, as it runs. */
export interface App {
  readonly app: INestApplication;
  readonly node: Node;
  readonly service: WebSocketService;
  readonly url: string;
}

const HISTORY = { size: 20 };

/** Starts the application on a free port. */
export async function startIsolationApp(setup: AppSetup): Promise<App> {
  const { platform, accounts, secrets, broker, log, audit, onHook, canReauthorize } = setup;
  const reauthorize: Reauthorize = ({ realm, userId }) =>
    accounts.principalOf(personOf(realm, userId));
  const options = {
    authenticate: (handshake: Handshake) => accounts.authenticate(handshake),
    ...(canReauthorize ? { reauthorize } : {}),
    rooms: roomRules(setup),
    roomsOf: ({ userId }: Principal) => (userId === 'ada' ? ['team:1'] : []),
    onSend: onHook,
    channelCompaction: true,
    limits: limitless,
    drain: { waitMs: 0, spreadMs: 0, deadlineMs: 1_000 },
    broker,
    log,
    audit,
  };
  const { database } = setup;
  const builder = appModule(options, {
    imports: database ? [OperationsModule.forRoot({ database, shutdownGraceMs: 0 })] : [],
    controllers: [OrdersController],
    providers: [
      Calls,
      VaultPolicy,
      { provide: SECRETS, useValue: secrets },
      { provide: ON_HOOK, useValue: onHook },
    ],
  });
  const { app, baseUrl } = await startApp(platform, builder);
  return { app, node: app.get<Node>(NODE), service: app.get(WebSocketService), url: baseUrl };
}

function roomRules({ accounts, secrets, onHook }: AppSetup) {
  const anybody = ({ realm }: Principal) => {
    onHook();
    return { info: { is: secrets.marker('info', realm) } };
  };
  const ticketed: typeof accounts.verifier.authorize = (principal, room, request) => {
    onHook();
    return accounts.verifier.authorize(principal, room, request);
  };
  return {
    'chat:*': {
      authorize: anybody,
      presence: true,
      joinLeave: true,
      publish: 'members',
      typing: true,
      history: HISTORY,
    },
    'ticket:*': { authorize: ticketed, presence: true, history: HISTORY, publish: 'members' },
    'doc:*': { authorize: anybody, delta: true, payload: 'json', publish: 'members' },
    'fleeting:*': { authorize: anybody, history: false, publish: 'members' },
    'team:*': { presence: true, publish: 'members' },
  } as const;
}

/** This is about who gets what, not about how much. */
const limitless = {
  publishesPerSecond: Infinity,
  publishBurst: Infinity,
  fanOutBytesPerSecond: Infinity,
  fanOutBurstBytes: Infinity,
  maxFanOutBacklogBytes: Infinity,
  maxQueuedBytes: Infinity,
  maxQueuedLines: Infinity,
  inboundBytesPerSecond: Infinity,
  inboundBurstBytes: Infinity,
  commandsPerSecond: Infinity,
  commandBurst: Infinity,
  subscribesPerSecond: Infinity,
  subscribeBurst: Infinity,
  refreshesPerSecond: Infinity,
  refreshBurst: Infinity,
  maxErrorsPerMinute: Infinity,
  handshakesPerSecond: Infinity,
  handshakeBurst: Infinity,
  maxUnauthenticatedPerAddress: Infinity,
  fanOutSlice: 5_000,
};
