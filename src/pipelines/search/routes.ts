/** Routes of studies: parse, check whose project it is, call, reply. */
import type { Principal } from '../../contract/access.ts'
import { studiesApi } from '../../contract/pipelines/studies.ts'
import { mount, type Mounted } from '../../http/mount.ts'
import { pageOf, parseToken } from '../context/pages.ts'
import { wantedVersion } from '../context/wanted.ts'
import type { Studies } from './reconciler.ts'
import { listStudies, requireStudy } from './rows.ts'
import { createStudy, resumeStudy, stopStudy } from './start.ts'
import { viewListed, viewStudy, type StudyView } from './view.ts'

export function studyRoutes(studies: Studies): Mounted[] {
  const { deps } = studies
  const { db } = deps.context.deps
  const changed = async (who: Principal, id: string): Promise<StudyView> => {
    studies.wake()
    return viewStudy(deps, await requireStudy(db, who, id))
  }
  return [
    mount(studiesApi.createStudy, async ({ body, who }) => {
      const { pipeline_version: _, project: __, ...given } = body
      return changed(who, await createStudy(deps, who, await wantedVersion(db, who, body), given))
    }),
    mount(studiesApi.listStudies, async ({ query, who }) => {
      const rows = await listStudies(db, {
        project: who.project ?? query.project,
        before: parseToken(query.page_token),
        limit: query.limit + 1,
      })
      const items = await Promise.all(
        rows.map(async (row) => ({
          id: row.study.id,
          created_at: row.study.created_at,
          view: await viewListed(deps, row),
        })),
      )
      return pageOf(items, query.limit, ({ view }) => view)
    }),
    mount(studiesApi.getStudy, async ({ params, who }) => viewStudy(deps, await requireStudy(db, who, params.id))),
    mount(studiesApi.stopStudy, async ({ params, who }) => {
      await requireStudy(db, who, params.id)
      await stopStudy(deps, who, params.id)
      return changed(who, params.id)
    }),
    mount(studiesApi.resumeStudy, async ({ params, body, who }) => {
      await resumeStudy(deps, who, await requireStudy(db, who, params.id), body.trials)
      return changed(who, params.id)
    }),
  ]
}
