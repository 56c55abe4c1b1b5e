/** A code block of a document, exactly as printed. */
export interface Snippet {
  /** The document and the line on which the code begins: `docs/react.md:42`. */
  readonly name: string;
  readonly document: string;
  readonly language: 'ts' | 'tsx';
  readonly text: string;
}

/** Every ```ts and ```tsx block of a document, in order. */
export function readSnippets(document: string, markdown: string): Snippet[] {
  return [...markdown.matchAll(/^```(tsx?)\n(.*?)^```$/gms)].map((match) => {
    const [, language, text = ''] = match;
    const line = markdown.slice(0, match.index).split('\n').length + 1;
    return {
      name: `${document}:${line}`,
      document,
      language: language === 'tsx' ? 'tsx' : 'ts',
      text,
    };
  });
}
