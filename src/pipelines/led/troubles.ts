/** Why things that a loop moves on cannot be moved on now, kept in their rows: said once when it begins, and taken back once it is over. */
import type { Db } from '../../store/db.ts'
import { reasonOf } from '../run/faults.ts'

export interface TroublesDeps {
  readonly db: Db
  readonly onError: (error: unknown) => void
  /** Its rows have an `id` and a `trouble`. */
  readonly table: 'pipeline_backfills'
  readonly changed?: ((id: string) => void) | undefined
}

export class Troubles {
  readonly #deps: TroublesDeps
  /** What was last said; absent where this process has said nothing yet. */
  readonly #said = new Map<string, string | null>()

  constructor(deps: TroublesDeps) {
    this.#deps = deps
  }

  /** Forgets what is not among these. */
  keep(ids: readonly string[]): void {
    for (const id of this.#said.keys()) if (!ids.includes(id)) this.#said.delete(id)
  }

  /** Does the work for one; what it throws is said of it, and the others go on. */
  async guard(id: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
      await this.#say(id, null)
    } catch (error) {
      this.#deps.onError(error)
      await this.#say(id, reasonOf(error))
    }
  }

  async #say(id: string, trouble: string | null): Promise<void> {
    const { db, onError, table, changed } = this.#deps
    try {
      if (this.#said.get(id) === trouble) return
      const count = await db.tx((t) =>
        t.run(`UPDATE ${table} SET trouble = ? WHERE id = ? AND coalesce(trouble, '') <> ?`, [
          trouble,
          id,
          trouble ?? '',
        ]),
      )
      this.#said.set(id, trouble)
      if (count > 0) changed?.(id)
    } catch (error) {
      onError(error)
    }
  }
}
