/** Whether the attempt that runs has gone on when it was cancelled: the next one may be cancelled again. */
export const refusedCancel = `
alter table trunkline.operations add column has_refused_cancel boolean not null default false;
`;
