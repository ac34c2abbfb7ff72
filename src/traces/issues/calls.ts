/** MLflow's calls about issues of traces. */
import { pageSize } from '../../mlflow/fields.ts'
import { bool, int, list, maybe, need, text, texts } from '../../mlflow/input.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { callsOf } from '../../mlflow/rpc.ts'
import type { Rpc } from '../../mlflow/rpc.ts'
import { createIssue, getIssue, updateIssue } from './issues.ts'
import { searchIssues } from './search.ts'

const { read, write } = callsOf('runs', '3.0')

export function issueCalls(room: Tracking): Rpc[] {
  return [...writes(room), ...reads(room)]
}

function writes(room: Tracking): Rpc[] {
  return [
    write.post('issues', 'Make an issue of traces', {
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
        issue_id: text(),
        last_seen_timestamp: int(),
        metadata: texts(),
      },
      handle: async (given, who) => {
        const named = { source_run_id: given.source_run_id || undefined, created_by: given.created_by || undefined }
        return { issue: await createIssue(room, who, { ...given, ...named }) }
      },
    }),
    write.patch('issues/:issue_id', 'Change an issue of traces', {
      fields: {
        issue_id: need(text()),
        name: text(),
        description: text(),
        status: text(),
        severity: text(),
        categories: maybe(list(need(text()))),
        last_seen_timestamp: int(),
        last_updated_by: text(),
        metadata: texts(),
        delete_metadata_keys: list(need(text())),
      },
      handle: async (given, who) => {
        const change = { ...given, last_updated_by: given.last_updated_by || undefined }
        return { issue: await updateIssue(room, who, given.issue_id, change) }
      },
    }),
  ]
}

function reads(room: Tracking): Rpc[] {
  return [
    read.post('issues/search', 'Search issues of traces', {
      fields: {
        experiment_id: text({ number: true }),
        filter_string: text(),
        max_results: int(),
        page_token: text(),
        include_trace_count: bool(),
        name: text(),
        statuses: list(need(text())),
        severities: list(need(text())),
        categories: list(need(text())),
        order_by: list(need(text())),
        include_total_count: bool(),
        view: text(),
      },
      handle: (given, who) =>
        searchIssues(room, who, {
          ...given,
          experiment_id: given.experiment_id || undefined,
          max_results: pageSize(given.max_results, 100, 1000),
        }),
    }),
    read.get('issues/:issue_id', 'Get an issue of traces', {
      fields: { issue_id: need(text()) },
      handle: async (given, who) => ({ issue: await getIssue(room, who, given.issue_id) }),
    }),
  ]
}
