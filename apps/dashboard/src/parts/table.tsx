/** A table that scrolls in a frame of its own where it is wider than the page. */

import type { ComponentChildren } from 'preact';

/** The name of a column; one that begins with `#` holds numbers. */
export type Column = string;

export function Table({
  label,
  columns,
  children,
}: {
  label: string;
  columns: readonly Column[];
  children: ComponentChildren;
}) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => {
              const isNumber = column.startsWith('#');
              const text = isNumber ? column.slice(1) : column;
              return text === '' ? (
                <th key={column} scope="col">
                  <span class="hidden">What may be done</span>
                </th>
              ) : (
                <th key={column} scope="col" {...(isNumber ? { class: 'number' } : {})}>
                  {text}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
