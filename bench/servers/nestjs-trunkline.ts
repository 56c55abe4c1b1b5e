import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { WebSocketModule, WebSocketService } from '@trunkline/nestjs';
import { listenWith } from './nest.ts';
import { serve } from './peer.ts';
import { engineOptions } from './trunkline-limits.ts';

class AppModule {}

let service: WebSocketService;

serve({
  listen: async (setup) => {
    Module({ imports: [WebSocketModule.forRoot(await engineOptions(setup))] })(AppModule);
    const { app, port } = await listenWith(AppModule);
    service = app.get(WebSocketService);
    return port;
  },
  publishToRoom: (tenantId, room, event) => service.sendToRoom(room, event, { tenantId }),
  publishToUser: (tenantId, user, event) => service.sendToUser(user, event, { tenantId }),
});
