/**
 * `npm run example -- NAME [--short] [--data FILE] [--out FOLDER]`: the complete examples, each ending in a report.
 *
 * @module
 */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: 'boolean', default: false },
    choose: { type: 'boolean', default: false },
    federated: { type: 'boolean', default: false },
    out: { type: 'string' },
    data: { type: 'string' },
    say: { type: 'string', default: 'Congratulations, you have won free money! Click here now to claim your prize.' },
  },
});
const [name = ''] = positionals;
const root = fileURLToPath(new URL('..', import.meta.url));
const { short, say } = values;
const out = values.out ?? join(root, 'runs', `example-${name}`);
switch (name) {
  case 'images': {
    const { runExample } = await import('../examples/images/run.ts');
    runExample({ short, out });
    break;
  }
  case 'text': {
    const { chooseSettings, runExample, runMailboxes } = await import('../examples/text/run.ts');
    if (values.choose) chooseSettings();
    else if (values.federated) runMailboxes({ say, out });
    else await runExample({ short, say, out });
    break;
  }
  case 'tabular': {
    const { runExample } = await import('../examples/tabular/run.ts');
    const { data } = values;
    await runExample({ short, out, ...(data === undefined ? {} : { data }) });
    break;
  }
  default:
    console.error('name an example: npm run example -- images | text | tabular');
    process.exitCode = 2;
}
