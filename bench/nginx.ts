import { existsSync } from 'node:fs';

const first = (paths: readonly string[]) => paths.find((path) => existsSync(path)) ?? '';

/** Where nginx is; empty where it is not installed. */
export const nginxPath: string = first(['/usr/sbin/nginx', '/usr/local/sbin/nginx']);

/** Its module for fan-out, which is a package of its own. */
export const nchanPath: string = first([
  '/usr/lib/nginx/modules/ngx_nchan_module.so',
  '/usr/local/lib/nginx/modules/ngx_nchan_module.so',
]);
