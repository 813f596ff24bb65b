/** The few forms of Markdown that a card has, as elements: no text ever becomes markup. */

import type { ComponentChildren } from 'preact';

/** Shows headings, paragraphs, lists, and tables of two columns. */
export function Markdown({ text }: { text: string }) {
  const blocks = text.split(/\n{2,}/).map((block) => block.trim());
  return <div class="stack prose">{blocks.filter((block) => block !== '').map((block, i) => blockOf(block, i))}</div>;
}

function blockOf(block: string, key: number): ComponentChildren {
  const lines = block.split('\n');
  if (block.startsWith('# ')) return undefined;
  if (block.startsWith('## ')) return <h3 key={key}>{block.slice(3)}</h3>;
  if (block.startsWith('|')) {
    const rows = lines.filter((line) => !/^\|[\s|-]*\|$/.test(line)).map((line) => line.slice(1, -1).split('|'));
    return (
      <dl key={key} class="facts">
        {rows.flatMap(([name = '', ...rest]) => [<dt>{name.trim()}</dt>, <dd>{rest.join('|').trim()}</dd>])}
      </dl>
    );
  }
  if (block.startsWith('- ')) {
    return (
      <ul key={key}>
        {lines.map((line, i) => (
          <li key={i}>{line.replace(/^- /, '')}</li>
        ))}
      </ul>
    );
  }
  const parts = lines.join(' ').split('**');
  return <p key={key}>{parts.map((part, i) => (i % 2 === 1 ? <strong key={i}>{part}</strong> : part))}</p>;
}
