/** Routes of the online store: rows are pushed, features are read. */
import { projectNamed } from '../../auth/visibility.ts'
import { onlineApi } from '../../contract/features/online.ts'
import { mount, type Mounted } from '../../http/mount.ts'
import type { OnlineService } from './service.ts'

export function serveRoutes(service: OnlineService): Mounted[] {
  return [
    mount(onlineApi.readFeatures, async ({ body, who }) => service.read(projectNamed(who, body.project), body)),
    mount(onlineApi.pushFeatures, async ({ params, body, who }) =>
      service.push(
        { project: projectNamed(who, body.project), name: params.name, version: body.version },
        { count: body.rows.length, rows: (from, to) => body.rows.slice(from, to) },
      ),
    ),
  ]
}
