/** A door that lets every version in, for servers without a registry. */
import type { Enter } from '../registry/aliases/door.ts'
import type { Db } from '../store/db.ts'

export function openDoor(db: Db): { readonly enter: Enter } {
  return {
    async enter(_who, { version }, { prepare, write }) {
      await prepare?.()
      return db.tx((t) => write(t, { version: Number(version), verdict: null, overridden: false }))
    },
  }
}
