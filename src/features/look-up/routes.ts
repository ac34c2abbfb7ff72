/** Route of the look-up. */
import { lookUpApi } from '../../contract/features/look-up.ts'
import { mount, type Mounted } from '../../http/mount.ts'
import type { LookUps } from './look-up.ts'

export function lookUpRoutes(lookUps: LookUps): Mounted[] {
  return [mount(lookUpApi.lookUpFeatures, async ({ body, who, signal }) => lookUps.read(who, body, signal))]
}
