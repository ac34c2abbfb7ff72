/** The room of features: what they are, what they were at any moment, and what they are now. */
import type { Mounted } from '../http/mount.ts'
import type { ProjectPart } from '../tracking/context/context.ts'
import { tablesPart } from '../tracking/workspaces/tables.ts'
import type { FeaturesContext } from './context/context.ts'
import { feastRoutes } from './feast/routes.ts'
import { openOnline } from './online/open.ts'
import { featuresRoutes } from './routes.ts'
import { serveRoutes } from './serve/routes.ts'
import { onlineService } from './serve/service.ts'

export interface FeaturesRoom {
  readonly routes: readonly Mounted[]
  /** Port: what is kept of a project. */
  readonly projectPart: ProjectPart
  /** Closes the online store. */
  stop(): Promise<void>
}

export function featuresRoom(context: FeaturesContext): FeaturesRoom {
  const online = openOnline(context.dataDir)
  const service = onlineService(context, online)
  return {
    routes: [...featuresRoutes(context), ...serveRoutes(service), ...feastRoutes(context, service)],
    stop: async () => online.close(),
    projectPart: tablesPart({
      db: context.db,
      tables: ['feature_names', 'feature_versions'],
      inside: { of: 'feature_names', id: 'name', tables: [] },
    }),
  }
}
