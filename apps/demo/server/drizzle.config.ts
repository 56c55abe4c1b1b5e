import { defineConfig } from 'drizzle-kit';

// `drizzle-kit generate --config apps/demo/server/drizzle.config.ts` after a change of the schema
export default defineConfig({
  dialect: 'postgresql',
  schema: './apps/demo/server/src/infrastructure/database/schema.ts',
  out: './apps/demo/server/drizzle',
});
