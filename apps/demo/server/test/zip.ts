import { inflateRawSync } from 'node:zlib';

/** What a ZIP archive has under a name, as text. */
export function textInZip(archive: Buffer, name: string): string {
  const entries = centralDirectory(archive);
  const entry = entries.find((candidate) => candidate.name === name);
  if (!entry) throw new Error(`No ${name} among ${entries.map((e) => e.name).join(', ')}`);
  const nameBytes = archive.readUInt16LE(entry.offset + 26);
  const extraBytes = archive.readUInt16LE(entry.offset + 28);
  const begin = entry.offset + 30 + nameBytes + extraBytes;
  const bytes = archive.subarray(begin, begin + entry.compressedBytes);
  return (entry.method === 0 ? bytes : inflateRawSync(bytes)).toString();
}

function centralDirectory(archive: Buffer) {
  const end = archive.lastIndexOf('PK\u0005\u0006');
  let at = archive.readUInt32LE(end + 16);
  return Array.from({ length: archive.readUInt16LE(end + 10) }, () => {
    const nameBytes = archive.readUInt16LE(at + 28);
    const entry = {
      method: archive.readUInt16LE(at + 10),
      compressedBytes: archive.readUInt32LE(at + 20),
      offset: archive.readUInt32LE(at + 42),
      name: archive.toString('utf8', at + 46, at + 46 + nameBytes),
    };
    at += 46 + nameBytes + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
    return entry;
  });
}
