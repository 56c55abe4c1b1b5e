import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { request } from '@/api';

/** A row of the users table. */
export interface UserRow {
  id: string;
  email: string;
  name: string;
  role: 'admin' | 'member' | 'viewer';
  department: string | null;
  /** Did it come with a CSV file? */
  imported: boolean;
  /** ISO 8601. */
  createdAt: string;
}

/** One page of the users who match. */
export interface UsersAnswer {
  users: UserRow[];
  /** On all pages. */
  total: number;
}

/** The columns that the server can sort by. */
export type UsersSort = 'name' | 'email' | 'role' | 'department' | 'createdAt';

/** Which users a table shows, and in which order. */
export interface UsersView {
  /** From 1. */
  page: number;
  pageSize: number;
  sort: UsersSort;
  direction: 'asc' | 'desc';
  search: string;
}

/** Where the table starts. */
export const FIRST_VIEW: UsersView = {
  page: 1,
  pageSize: 25,
  sort: 'name',
  direction: 'asc',
  search: '',
};

/** The cache's key of all users, and its beginning for each view of them. */
export const USERS_KEY = ['users'] as const;

/** The cache's key of a view. */
export function viewKey(view: UsersView) {
  return [...USERS_KEY, view] as const;
}

/** Loads a view; until it is here, the one before stays. */
export function useUsers(view: UsersView) {
  return useQuery({
    queryKey: viewKey(view),
    queryFn: ({ signal }) => request<UsersAnswer>(`/api/users?${toParameters(view)}`, { signal }),
    placeholderData: keepPreviousData,
  });
}

function toParameters({ page, pageSize, sort, direction, search }: UsersView): URLSearchParams {
  const parameters = { page: `${page}`, pageSize: `${pageSize}`, sort, direction, search };
  return new URLSearchParams(parameters);
}
