/** How our menus look, whatever opens them. */
export const MENU =
  'z-30 animate-appear rounded-xl border border-line bg-surface p-1.5 text-sm shadow-overlay';

/** How a line of a menu looks. */
export const MENU_ITEM =
  'flex cursor-pointer items-center gap-2 rounded-lg px-2.5 py-2 outline-none data-highlighted:bg-raised';
