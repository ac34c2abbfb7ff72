/** MLflow's calls about the history of metrics. */
import { bulkHistory, metricHistory, sampledHistory } from '../metrics/history.ts'
import { DOCS, int, list, missingValue, need, text } from '../../mlflow/input.ts'
import { pageSize } from '../../mlflow/fields.ts'
import type { Tracking } from '../context/context.ts'
import { callsOf } from '../../mlflow/rpc.ts'
import type { Rpc } from '../../mlflow/rpc.ts'
import { invalid } from '../../mlflow/wire.ts'

const { read } = callsOf('runs')

const MOST_RUNS = 100
const MOST_POINTS = 25_000
const MOST_SAMPLES = 2500

export function historyCalls(room: Tracking): Rpc[] {
  return [
    read.get('metrics/get-history', 'Get the points of a metric of a run', {
      fields: { run_id: need(text()), metric_key: need(text()), max_results: int(), page_token: text() },
      handle: ({ metric_key: key, ...given }, who) => metricHistory(room, who, { ...given, key }),
    }),
    read.get('metrics/get-history-bulk', 'Get the points of a metric of up to 100 runs', {
      fields: { run_id: list(need(text())), metric_key: text(), max_results: int() },
      handle: async (given, who) => {
        checkRuns('GetMetricHistoryBulk', given.run_id)
        if (given.metric_key === undefined) throw invalid('GetMetricHistoryBulk request must specify a metric_key.')
        const max_results = Math.min(pageSize(given.max_results, MOST_POINTS, Infinity), MOST_POINTS)
        return { metrics: await bulkHistory(room, who, { run_ids: given.run_id, key: given.metric_key, max_results }) }
      },
    }),
    read.get('metrics/get-history-bulk-interval', 'Get evenly sampled points of a metric of up to 100 runs', {
      fields: {
        run_ids: list(need(text())),
        metric_key: need(text()),
        start_step: int(),
        end_step: int(),
        max_results: int(),
      },
      handle: async ({ metric_key: key, ...given }, who) => {
        if (given.run_ids.length === 0) throw invalid(missingValue('run_ids') + DOCS)
        checkRuns('GetMetricHistoryBulkInterval', given.run_ids, DOCS)
        checkInterval(given.start_step, given.end_step)
        const max_results = given.max_results ?? MOST_SAMPLES
        if (max_results < 1 || max_results > MOST_SAMPLES) {
          throw invalid(`max_results must be between 1 and ${MOST_SAMPLES}.${DOCS}`)
        }
        return { metrics: await sampledHistory(room, who, { ...given, key, max_results }) }
      },
    }),
  ]
}

function checkInterval(start: number | undefined, end: number | undefined): void {
  if ((start === undefined) !== (end === undefined)) {
    throw invalid('If either start step or end step are specified, both must be specified.')
  }
  if (start !== undefined && end !== undefined && start > end) {
    throw invalid(`end_step must be greater than start_step. Found start_step=${start} and end_step=${end}.`)
  }
}

function checkRuns(call: string, ids: readonly string[], more = ''): void {
  const name = call === 'GetMetricHistoryBulk' ? 'run_id' : 'run_ids'
  if (ids.length === 0) throw invalid(`${call} request must specify at least one run_id.`)
  if (ids.length > MOST_RUNS) {
    const verb = name === 'run_id' ? 'cannot specify more than' : 'must specify at most'
    throw invalid(`${call} request ${verb} ${MOST_RUNS} run_ids. Received ${ids.length} run_ids.${more}`)
  }
}
