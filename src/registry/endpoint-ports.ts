/** Ports for the rooms that answer with models: whose a model is, whether a version may be loaded, that an endpoint went back. */
import type { Principal } from '../contract/access.ts'
import { PRODUCTION } from '../contract/registry.ts'
import type { Reader, Tx } from '../store/db.ts'
import { returnAlias } from './aliases/aliases.ts'
import { enter } from './aliases/door.ts'
import type { Enter } from './aliases/door.ts'
import { layOut } from './context/layout.ts'
import { requireVersion } from './context/context.ts'
import type { Registry } from './context/context.ts'
import { requireSigned } from './signing/signatures.ts'

interface Back {
  readonly endpoint: string
  readonly model: string
  readonly from: string | null
  readonly to: string
  readonly reason: string
}

export interface EndpointPorts {
  /** The door: asked before a version answers. */
  readonly enter: Enter
  readonly modelProject: (reader: Reader, model: string) => Promise<string | undefined>
  readonly checkVersion: (model: string, version: string) => Promise<void>
  readonly returned: (t: Tx, who: Principal, back: Back) => Promise<void>
}

export function endpointPorts(room: Registry): EndpointPorts {
  return {
    enter: (who, entry, work) => enter(room, who, entry, work),
    async modelProject(reader, model) {
      const row = await reader.get<{ project: string }>('SELECT project FROM registered_models WHERE name = ?', [model])
      return row?.project
    },
    async checkVersion(model, version) {
      const row = await requireVersion(room.db, model, version)
      if (row.tree !== null) await requireSigned(room, row, await layOut(room, row.tree))
    },
    async returned(t, who, { endpoint, reason, ...back }) {
      const told = `endpoint "${endpoint}" was rolled back${reason === '' ? '' : `: ${reason}`}`
      await returnAlias(t, room, who, { ...back, alias: PRODUCTION, reason: told })
    },
  }
}
