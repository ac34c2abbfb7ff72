/** How long the unmodified mlflow client takes for 1,000 calls of log_metric, one after the other, beside what it takes by itself. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { syncTime } from '../load/disk-sync.ts'
import { started } from '../load/loaded.ts'
import { mlflowPython } from '../load/mlflow.ts'
import { ms } from '../table.ts'
import type { Row } from '../table.ts'

const CALLS = 1000

const SCRIPT = `
import mlflow, time
with mlflow.start_run():
    mlflow.log_metric('warm', 1)
    began, cpu = time.time(), time.process_time()
    for i in range(${CALLS}): mlflow.log_metric('m', i, step=i)
    print(time.time() - began, time.process_time() - cpu)
`

/** Seconds that the calls took, and CPU seconds of the client. */
export interface Calls {
  readonly seconds: number
  readonly cpu: number
}

/** Makes the calls against a server. */
export async function clientCalls(url: string, token = ''): Promise<Calls> {
  const env = { ...process.env, MLFLOW_TRACKING_URI: url, ...(token !== '' && { MLFLOW_TRACKING_TOKEN: token }) }
  const { stdout } = await promisify(execFile)(await mlflowPython(), ['-c', SCRIPT], { env, timeout: 300_000 })
  const [seconds = Number.NaN, cpu = Number.NaN] = stdout.trim().split(/\s+/).map(Number)
  return { seconds, cpu }
}

/** The same against a server that does nothing: the client's own cost. */
export async function clientFloor(): Promise<Calls> {
  const server = await started(join(import.meta.dirname, 'client-floor.ts'))
  try {
    return await clientCalls(`http://127.0.0.1:${server.port}`)
  } finally {
    await server.stop()
  }
}

/** The row. What is ours is the difference to the floor: it holds at least one disk sync a call. */
export async function callsRow(own: Calls, peer: Calls | undefined): Promise<Row> {
  const [floor, sync] = [await clientFloor(), await syncTime()]
  const ours = ((own.seconds - floor.seconds) * 1000) / CALLS
  const said = ({ seconds, cpu }: Calls): string => `${seconds.toFixed(1)} s (${cpu.toFixed(1)} s CPU of the client)`
  return {
    name: '1,000 log_metric calls of the mlflow client',
    measured: `${said(own)}: ${ms(ours)} a call beyond the client's own`,
    target: '≤ 4 s',
    beside: [
      `a server that does nothing ${said(floor)}; a disk sync ${ms(sync)}`,
      ...(peer === undefined ? [] : [`MLflow ${said(peer)}`]),
    ].join('; '),
    ok: own.seconds <= 4,
    figures: { own, floor, sync, peer },
  }
}
