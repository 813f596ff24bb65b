/**
 * Finds keys that appear twice in one object of a JSON text, which `JSON.parse` lets pass in silence.
 *
 * @module
 */

/**
 * Returns the first key that some object of the text has twice, or undefined. Keys are compared as the strings they
 * mean, so that an escaped spelling is no way around.
 * @param text - valid JSON: parse it first.
 */
export function findDuplicateKey(text: string): string | undefined {
  const scopes: Set<string>[] = [];
  let at = 0;
  while (at < text.length) {
    const character = text[at];
    if (character === '"') {
      const end = endOfString(text, at);
      let next = end;
      while (/\s/.test(text[next] ?? '')) next += 1;
      if (text[next] === ':') {
        const key = JSON.parse(text.slice(at, end)) as string;
        const scope = scopes.at(-1);
        if (scope?.has(key)) return key;
        scope?.add(key);
      }
      at = end;
      continue;
    }
    if (character === '{' || character === '[') scopes.push(new Set());
    else if (character === '}' || character === ']') scopes.pop();
    at += 1;
  }
  return undefined;
}

/** The index after the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}
