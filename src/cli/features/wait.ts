/** Follows a join or a materialisation to its end. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Client } from '../../client/client.ts'
import { featureJobsApi, type FeatureJob } from '../../contract/features/jobs.ts'
import type { Output } from '../invocation/output.ts'

const POLL_MS = 200

/** A server that is restarting answers again within this many polls. */
const MOST_LOST = 150

/** How a shell says that a program was ended by Ctrl-C. */
const INTERRUPTED = 130

const ENDED: ReadonlySet<string> = new Set(['done', 'failed', 'canceled'])

/** Waits for its end. Ctrl-C ends this program and not the job, as with a run. */
export async function followJob(client: Client, begun: FeatureJob, out: Output): Promise<FeatureJob> {
  const { id } = begun
  const detach = (): void => {
    process.stderr.write(
      `\nslipway: job ${id} goes on. See it: slipway features jobs ${id}. End it: slipway features cancel ${id}\n`,
    )
    process.exit(INTERRUPTED)
  }
  process.once('SIGINT', detach)
  try {
    return await watch(client, begun, out)
  } finally {
    process.off('SIGINT', detach)
  }
}

async function watch(client: Client, begun: FeatureJob, out: Output): Promise<FeatureJob> {
  let job = begun
  for (let lost = 0; !ENDED.has(job.state);) {
    out.progress(`${jobName(job)}: ${job.state}`)
    await wait(POLL_MS)
    const seen = await client.call(featureJobsApi.getFeatureJob, { params: { id: job.id } }).catch((error: unknown) => {
      if (++lost > MOST_LOST) throw error
      return undefined
    })
    if (seen === undefined) continue
    lost = 0
    job = seen
  }
  return job
}

/** `join of eta@2`. */
export function jobName({ kind, name, version }: Pick<FeatureJob, 'kind' | 'name' | 'version'>): string {
  return `${kind} of ${name}@${version}`
}

/** Says of one that is not done why; true where it is done. */
export function isDone(job: FeatureJob, out: Output): boolean {
  if (job.state === 'done') return true
  const reason = job.reason === '' ? '' : `: ${job.reason}`
  out.line(`${jobName(job)} ${job.state === 'canceled' ? 'was canceled' : job.state}${reason}`)
  return false
}
