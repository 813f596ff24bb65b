/**
 * The gate a model leaves by: the bytes that were approved and no others, once there is somebody beside whoever runs the
 * installation to approve them.
 *
 * @module
 */

import { sha256, toHex } from '../../foundations/crypto/index.ts';
import type { AccessControl, Principal } from '../../trust/access/index.ts';
import type { Database } from '../storage/database/index.ts';

/**
 * Checks that these bytes of a task's model may leave, and returns what is to be written down of it.
 * @throws `AccessError` `access/denied` when they were not approved.
 */
export async function assertMayLeave(
  { task, model }: { readonly task: string; readonly model: Uint8Array },
  { access, db, principal }: { readonly access: AccessControl; readonly db: Database; readonly principal: Principal },
): Promise<string> {
  const digest = toHex(sha256(model));
  if (await access.isReleased(task, digest)) return digest;
  const people = await db.selectFrom('accounts').select('id').where('disabled', '=', false).limit(2).execute();
  // Somebody alone has nobody to ask; from the second person on, a model leaves as the bytes that were approved.
  if (people.length > 1) await access.refuseUnreleased(principal, { model: task, digest });
  return `${digest}, not released`;
}
