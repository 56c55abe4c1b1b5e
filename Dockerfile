# The demo as an image: `docker compose up --build` runs two of it, behind nginx. What could not be tried is
# said in docker-compose.yml.

FROM node:24.21.0-bookworm-slim AS manifests
WORKDIR /app
COPY package.json package-lock.json ./
COPY apps/demo/package.json apps/demo/
COPY bench/package.json bench/
COPY packages/client/package.json packages/client/
COPY packages/contract/package.json packages/contract/
COPY packages/nestjs/package.json packages/nestjs/
COPY packages/operations/package.json packages/operations/
COPY packages/react/package.json packages/react/
COPY packages/server/package.json packages/server/

FROM manifests AS build
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build

# What the server loads when it runs. Our own packages are compiled into it.
FROM manifests AS dependencies
RUN npm ci --no-audit --no-fund --omit=dev --workspace=apps/demo

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production DATA_DIR=/data MONITORING_PORT=9464 DRAIN=deploy
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/package.json ./
COPY --from=build /app/apps/demo/package.json apps/demo/
COPY --from=build /app/apps/demo/sample apps/demo/sample
COPY --from=build /app/apps/demo/server/drizzle apps/demo/server/drizzle
COPY --from=build /app/apps/demo/server/dist apps/demo/server/dist
COPY --from=build /app/apps/demo/web/dist apps/demo/web/dist
RUN install -d -o node -g node /data
USER node
VOLUME /data
EXPOSE 3000
# Of this process alone: a Redis or a Postgres that is away is no reason to restart it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9464/livez').then((answer) => process.exit(answer.ok ? 0 : 1))"]
CMD ["node", "--enable-source-maps", "apps/demo/server/dist/main.js"]
