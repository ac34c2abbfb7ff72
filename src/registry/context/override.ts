/** Who may set aside what gates say: one rule for an override, for gates that become weaker, and for weaker policies. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'

/** Refuses whoever may not override gates (`forbidden`), and an act without a reason (`invalid_field`). */
export function requireOverride(who: Principal, reason: string | undefined, verb = 'override the gates of'): void {
  if (who.role !== 'admin') throw problem('forbidden', { role: who.role, verb, resource: 'models' })
  if ((reason ?? '').trim() === '') {
    const expected = 'why the gates are overridden'
    throw problem('invalid_field', { field: 'reason', value: reason ?? '', expected })
  }
}
