/** Routes of continuous integration: parse, check whose project it is, call, reply. */
import { mergesApi } from '../contract/changes/merges.ts'
import { ciApi } from '../contract/changes/report.ts'
import { toTime } from '../contract/fields.ts'
import { mount } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import { mergeTimes } from './merges.ts'
import type { MergesDeps } from './merges.ts'
import { changeReport } from './report/report.ts'
import type { ReportDeps } from './report/report.ts'

export function ciRoutes(deps: ReportDeps & MergesDeps): Mounted[] {
  return [
    mount(ciApi.changeReport, ({ params, query, who }) =>
      changeReport(deps, who, { run: params.run, base: query.base }),
    ),
    mount(mergesApi.times, ({ query, who }) => mergeTimes(deps, { ...query, project: who.project ?? query.project })),
    mount(ciApi.runsOfCommit, async ({ query, who }) => {
      // another project's runs do not exist for the caller
      const seen = who.project === null || who.project === query.project
      const made = seen ? await deps.changes.ofCommit(query.project, query.commit) : []
      return {
        items: made.map(({ id, created_at, ...rest }) => ({ run: id, created_at: toTime(created_at), ...rest })),
      }
    }),
  ]
}
