/** What serving tells the registry: an endpoint went back to an earlier version, and whose a model is. */
import type { Principal } from '../contract/access.ts'
import type { Reader, Tx } from '../store/db.ts'
import { returnAlias } from './aliases.ts'
import type { Registry } from './room.ts'

/** The alias that follows what an endpoint answers with. */
const PRODUCTION = 'production'

interface Back {
  readonly endpoint: string
  readonly model: string
  readonly from: string | null
  readonly to: string
  readonly reason: string
}

/** Functions for the serving room. */
export function servingLinks(room: Registry): {
  readonly modelProject: (reader: Reader, model: string) => Promise<string | undefined>
  readonly returned: (t: Tx, who: Principal, back: Back) => Promise<void>
} {
  return {
    async modelProject(reader, model) {
      const row = await reader.get<{ project: string }>('SELECT project FROM registered_models WHERE name = ?', [model])
      return row?.project
    },
    async returned(t, who, { endpoint, reason, ...back }) {
      const told = `endpoint "${endpoint}" was rolled back${reason === '' ? '' : `: ${reason}`}`
      await returnAlias(t, room, who, { ...back, alias: PRODUCTION, reason: told })
    },
  }
}
