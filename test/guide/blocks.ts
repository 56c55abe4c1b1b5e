/** A code block of the guide, exactly as printed. */
export interface Block {
  /** The headings above it: `Example 1: User Import Operation / Backend Service`. */
  readonly name: string;
  /** Line of the guide on which the code begins, from 1. */
  readonly line: number;
  readonly text: string;
}

/** Every ```typescript block of a Markdown text, in order. */
export function readBlocks(markdown: string): Block[] {
  const lines = markdown.split('\n');
  const blocks: Block[] = [];
  const headings: string[] = [];
  let start: number | undefined;
  for (const [index, line] of lines.entries()) {
    if (start === undefined) {
      noteHeading(headings, line);
      if (line.trim() === '```typescript') start = index + 1;
    } else if (line.trim() === '```') {
      const text = lines.slice(start, index).join('\n');
      blocks.push({ name: nameOf(headings), line: start + 1, text });
      start = undefined;
    }
  }
  return blocks;
}

/** How a block is cut into files: at `// 1. …` and `// 2. …`, or at blank lines. */
export type Cut = 'numbers' | 'paragraphs';

/** A block's parts; joined they are the block again. */
export function cutBlock(text: string, cut: Cut): string[] {
  return text.split(cut === 'numbers' ? /(?=^\/\/ \d+\. )/m : /(?<=\n\n)/);
}

function noteHeading(headings: string[], line: string): void {
  const match = /^(#+) (.*)$/.exec(line);
  if (!match) return;
  const level = match[1]?.length ?? 0;
  headings.length = level;
  headings[level] = (match[2] ?? '').replace(/[^\x20-\x7e]|\*\*/g, '').trim();
}

/** Headings of level 3 and 4: those above are the guide's chapters. */
function nameOf(headings: readonly string[]): string {
  return [headings[3], headings[4]].filter(Boolean).join(' / ');
}
