/** Of an HTTP request: the client id of the page's connection, so that a page knows its own doings. */
export const CONNECTION_HEADER = 'x-trunkline-connection';

/** Of an HTTP request: the tenant that the page works in, for users of several. A wish, not a proof. */
export const TENANT_HEADER = 'x-trunkline-tenant';
