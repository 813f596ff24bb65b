/**
 * Accountants by name.
 *
 * @module
 */

import type { Accountant } from './accountant.ts';
import type { NeighboringRelation } from './events/event.ts';
import { createPldAccountant } from './pld/pld-accountant.ts';
import { createRdpAccountant } from './rdp/rdp-accountant.ts';

/** Creates the accountant of a name, with nothing composed. */
export function createAccountant({
  accountant,
  relation,
}: {
  readonly accountant: 'rdp' | 'pld';
  readonly relation: NeighboringRelation;
}): Accountant {
  return accountant === 'pld' ? createPldAccountant({ relation }) : createRdpAccountant({ relation });
}
