/** The envs room: Python environments that all rooms share. It has no routes and no loops. */
import type { Clock } from '../contract/ids.ts'
import type { Plan } from '../isolation/plan.ts'
import type { Db } from '../store/db.ts'
import { defaultCacheFolder } from './cache-folder.ts'
import { environments } from './environments.ts'
import type { Envs } from './environments.ts'

export interface EnvsRoomDeps {
  readonly db: Db
  readonly clock: Clock
  /** Shared by all data folders of a user; default `SLIPWAY_CACHE`, else `slipway` in the user's cache folder. */
  readonly cacheFolder?: string
  /** Never ask the network; default: whether `SLIPWAY_OFFLINE` is 1. */
  readonly offline?: boolean
  /** How builds are confined; absent or null = not at all. */
  readonly plan?: Plan | null
}

export interface EnvsRoom {
  /** Port: locks and builds environments. */
  readonly envs: Envs
  readonly cacheFolder: string
}

export function envsRoom(deps: EnvsRoomDeps): EnvsRoom {
  const { cacheFolder = defaultCacheFolder(), offline = process.env['SLIPWAY_OFFLINE'] === '1', plan = null } = deps
  return { envs: environments({ ...deps, cacheFolder, offline, plan }), cacheFolder }
}
