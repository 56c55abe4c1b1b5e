type Method = (...args: never[]) => unknown;

/** Makes a function look like the method that it stands for, to whoever reads what decorators have noted. */
export function inPlaceOf<T extends Method>(method: Method, replacement: T): T {
  for (const field of ['name', 'length'] as const) {
    Object.defineProperty(replacement, field, { value: method[field], configurable: true });
  }
  for (const key of Reflect.getOwnMetadataKeys(method) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, method), replacement);
  }
  return replacement;
}
