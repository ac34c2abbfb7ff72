/** A door that lets every version in and a seal, for servers without the rooms above. */
import { freshSeal } from '../auth/seal.fixture.ts'
import type { Seal } from '../auth/sealing.ts'
import type { Enter } from '../registry/aliases/door.ts'
import type { Db } from '../store/db.ts'

export function openDoor(db: Db): { readonly enter: Enter; readonly seal: Seal } {
  return {
    seal: freshSeal(),
    async enter(_who, { version }, { prepare, write }) {
      await prepare?.()
      return db.tx((t) => write(t, { version: Number(version), verdict: null, overridden: false }))
    },
  }
}
