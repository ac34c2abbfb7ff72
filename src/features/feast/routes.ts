/** Routes below `/feast/PROJECT`, as a Feast SDK with a remote online store and callers of `feast serve` use them. */
import type { Principal } from '../../contract/access.ts'
import { feastApi } from '../../contract/features/feast.ts'
import { mount, type Mounted } from '../../http/mount.ts'
import { projectNamed } from '../../auth/visibility.ts'
import type { FeaturesContext } from '../context/context.ts'
import type { Key } from '../definitions/definitions.ts'
import { requireVersion } from '../definitions/require.ts'
import type { ReadPlan } from '../serve/plan.ts'
import type { OnlineService } from '../serve/service.ts'
import { viewRow } from '../serve/told.ts'
import { readFeastIncremental, readFeastMaterialise } from './materialise.ts'
import { materialiseAll } from './materialising.ts'
import { readFeastPush, readFeastWrite, rowsForView, type FeastPush } from './push.ts'
import { feastColumns, feastReply, type FeastReply } from './reply.ts'
import { readFeastRequest } from './request.ts'

export function feastRoutes(context: FeaturesContext, online: OnlineService): Mounted[] {
  const { db } = context
  const write = async (project: string, { name, table }: FeastPush): Promise<void> => {
    const view = await requireVersion({ db }, { project, kind: 'view', name })
    await online.push(
      { project, name },
      {
        count: table.count,
        rows: (from, to) => rowsForView(view.definition, table.rows(from, to)),
      },
    )
  }
  return [
    mount(feastApi.feastRead, ({ params, body, who }) => read(online, projectOf(who, params), body)),
    mount(feastApi.feastPush, async ({ params, body, who }) => {
      await write(projectOf(who, params), readFeastPush(body))
      return {}
    }),
    mount(feastApi.feastWrite, async ({ params, body, who }) => {
      await write(projectOf(who, params), readFeastWrite(body))
      return {}
    }),
    mount(feastApi.feastMaterialise, async ({ params, query, body, who }) => {
      const of = { project: projectOf(who, params), waits: query.async !== 'true' }
      return begun(of.waits, await materialiseAll(context, who, { ...of, asked: readFeastMaterialise(body) }))
    }),
    mount(feastApi.feastMaterialiseIncremental, async ({ params, query, body, who }) => {
      const of = { project: projectOf(who, params), waits: query.async !== 'true' }
      return begun(of.waits, await materialiseAll(context, who, { ...of, asked: readFeastIncremental(body) }))
    }),
    mount(feastApi.feastHealth, async () => ({ status: 'ok' })),
  ]
}

function begun(hasWaited: boolean, names: readonly string[]): object {
  return hasWaited ? {} : { status: 'accepted', feature_views: names }
}

function projectOf(who: Principal, { project }: { readonly project: string }): string {
  return projectNamed(who, project)
}

async function read(online: OnlineService, project: string, body: unknown): Promise<FeastReply> {
  const { features, service, rows: given, full, versions } = readFeastRequest(body)
  const wanted = service === undefined ? { features, full } : { service }
  const { plan, rows, now } = await online.readPlain(project, { ...wanted, entities: given })
  return feastReply({
    keys: keysOf(plan),
    given,
    columns: feastColumns(plan.columns, full),
    rows: rows.map((row) => viewRow(plan, row, now)),
    ...(versions && { views: plan.views.map(({ of }) => ({ name: of.view, version: of.version })) }),
  })
}

/** The keys of all views as they are asked by, each once. */
function keysOf({ views }: ReadPlan): Key[] {
  const keys = views.flatMap((view) => view.keys.map(({ type }, i): Key => ({ name: view.asked[i] ?? '', type })))
  return [...new Map(keys.map((key) => [key.name, key])).values()]
}
