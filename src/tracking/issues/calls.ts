/** MLflow's calls about issues of traces. */
import { pageSize } from '../experiment-calls.ts'
import { bool, int, list, need, text } from '../input.ts'
import type { Tracking } from '../room.ts'
import { rpc } from '../rpc.ts'
import type { Rpc } from '../rpc.ts'
import { createIssue, getIssue, searchIssues, updateIssue } from './issues.ts'

const READ = { verb: 'read', resource: 'runs' } as const
const WRITE = { verb: 'write', resource: 'runs' } as const
const V3 = { version: '3.0' } as const

export function issueCalls(room: Tracking): Rpc[] {
  return [
    rpc({
      ...V3,
      method: 'POST',
      path: 'issues',
      summary: 'Make an issue of traces',
      access: WRITE,
      fields: {
        experiment_id: need(text({ number: true })),
        name: need(text()),
        description: need(text()),
        status: text(),
        severity: text(),
        root_causes: list(need(text())),
        categories: list(need(text())),
        source_run_id: text(),
        created_by: text(),
      },
      handle: async (given, who) => ({ issue: await createIssue(room, who, given) }),
    }),
    rpc({
      ...V3,
      method: 'POST',
      path: 'issues/search',
      summary: 'Search issues of traces',
      access: READ,
      fields: {
        experiment_id: text({ number: true }),
        filter_string: text(),
        max_results: int(),
        page_token: text(),
        include_trace_count: bool(),
      },
      handle: (given, who) =>
        searchIssues(room, who, {
          ...given,
          experiment_id: given.experiment_id || undefined,
          max_results: pageSize(given.max_results, 100, 1000),
          include_trace_count: given.include_trace_count ?? false,
        }),
    }),
    rpc({
      ...V3,
      method: 'GET',
      path: 'issues/:issue_id',
      summary: 'Get an issue of traces',
      access: READ,
      fields: { issue_id: need(text()) },
      handle: async (given, who) => ({ issue: await getIssue(room, who, given.issue_id) }),
    }),
    rpc({
      ...V3,
      method: 'PATCH',
      path: 'issues/:issue_id',
      summary: 'Change an issue of traces',
      access: WRITE,
      fields: { issue_id: need(text()), name: text(), description: text(), status: text(), severity: text() },
      handle: async (given, who) => ({ issue: await updateIssue(room, who, given.issue_id, given) }),
    }),
  ]
}
