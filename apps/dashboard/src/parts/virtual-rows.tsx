/** Rows of which only those in sight exist. */

import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';

const ROW = 40;
const AROUND = 6;

export function VirtualRows({
  count,
  label,
  tools = false,
  row,
}: {
  count: number;
  label: string;
  /** Whether each row ends with something to do. */
  tools?: boolean;
  row: (index: number) => ComponentChildren;
}) {
  const holder = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const height = holder.current?.clientHeight ?? 560;
  const first = Math.max(0, Math.floor(top / ROW) - AROUND);
  const last = Math.min(count, Math.ceil((top + height) / ROW) + AROUND);
  const indices = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i);
  return (
    <div
      class="rows"
      role="table"
      aria-label={label}
      aria-rowcount={count}
      tabIndex={0}
      ref={holder}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      style={{ height: `min(60vh, ${Math.min(560, count * ROW + 2)}px)` }}
    >
      <div role="rowgroup" style={{ height: `${count * ROW}px` }}>
        {indices.map((index) => (
          <div
            key={index}
            class={tools ? 'row tools' : 'row'}
            role="row"
            aria-rowindex={index + 1}
            style={{ top: `${index * ROW}px` }}
          >
            {row(index)}
          </div>
        ))}
      </div>
    </div>
  );
}
