/** An id made of a company's name: `Initech Ltd.` becomes `initech-ltd`. */
export function idOf(name: string): string {
  return name
    .normalize('NFD')
    .toLowerCase()
    .replaceAll('ß', 'ss')
    .replaceAll(/[\u0300-\u036f]/g, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 31)
    .replace(/-+$/, '');
}

/** What is wrong with an id; `null` when nothing is. */
export function problemOfId(id: string): string | null {
  if (/^[a-z][a-z0-9-]{0,30}$/.test(id)) return null;
  return 'Use 1 to 31 of a–z, 0–9 and -, beginning with a letter.';
}
