const MAX_LENGTH = 150;

/** A file's name that no file system and no header stumbles over: without a path, a quote or a control character. */
export function safeFileName(name: string): string {
  const base = name.toWellFormed().split(/[/\\]/).at(-1) ?? '';
  // oxlint-disable-next-line no-control-regex -- they are what must go
  const clean = base.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069"<>:|?*]/g, '_');
  const visible = clean.replace(/^[\s.]+|[\s.]+$/g, '');
  return shortened(visible) || 'file';
}

/** The `Content-Disposition` that makes a browser keep a file, under its name. */
export function attachment(name: string): string {
  const ascii = name.replace(/[^ -~]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}

/** From the middle: the beginning tells what it is, the ending how to open it. */
function shortened(name: string): string {
  const characters = Array.from(name);
  if (characters.length <= MAX_LENGTH) return name;
  return [...characters.slice(0, MAX_LENGTH - 21), '…', ...characters.slice(-20)].join('');
}
