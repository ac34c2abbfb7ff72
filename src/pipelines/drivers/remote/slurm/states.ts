/** Slurm's words for how a job stands, in ours. */
import type { Failure } from '../../../../contract/pipelines.ts'
import type { LaunchState } from '../launcher.ts'
import type { Seen } from './dialect.ts'

interface End {
  /** Absent where the word of Slurm is none of a cause. */
  readonly failure?: Failure
  readonly words: string
}

const NODE = 'infrastructure'
const ENDS: Readonly<Record<string, End>> = {
  COMPLETED: { words: 'its program ended without a word to the server' },
  FAILED: { words: 'its program failed without a word to the server' },
  CANCELLED: { failure: 'preempted', words: 'somebody ended it in Slurm; `sacct -j {id} -o State%40` says who' },
  TIMEOUT: { failure: 'timeout', words: 'it ran longer than its time limit in Slurm' },
  DEADLINE: { failure: 'timeout', words: 'its deadline in Slurm has passed' },
  OUT_OF_MEMORY: { failure: 'out_of_memory', words: 'it took more memory than its job has' },
  NODE_FAIL: { failure: NODE, words: 'its node was lost' },
  BOOT_FAIL: { failure: NODE, words: 'its node did not boot' },
  LAUNCH_FAILED: { failure: NODE, words: 'its node could not start it' },
  RECONFIG_FAIL: { failure: NODE, words: 'its node could not be set up' },
  REVOKED: { failure: NODE, words: 'another cluster of the federation runs it' },
  PREEMPTED: { failure: 'preempted', words: 'it gave way to a job of a higher rank' },
}

const WAITING = ['PENDING', 'REQUEUED', 'REQUEUE_HOLD', 'REQUEUE_FED', 'SPECIAL_EXIT', 'RESV_DEL_HOLD']
const STARTING = ['CONFIGURING', 'POWER_UP_NODE']
const RUNNING = ['RUNNING', 'SUSPENDED', 'STOPPED', 'COMPLETING', 'RESIZING', 'SIGNALING', 'STAGE_OUT', 'EXPEDITING']

/** Whether a job has ended: it starts nothing any more. */
export function isOver(job: Seen): boolean {
  return job.states.some((state) => ENDS[state] !== undefined)
}

/** A job that was refused when it came, and is listed all the same. */
export function isRefused(job: Seen): boolean {
  return job.states.includes('FAILED') && job.reason === 'BadConstraints'
}

/** A job has a base state and, in later versions, flags beside it. */
export function launchState(job: Seen): LaunchState {
  const { states, id } = job
  const has = (words: readonly string[]): string | undefined => words.find((word) => states.includes(word))
  const end = has(Object.keys(ENDS))
  const told = [job.reason, job.description].filter((part) => part !== '').join(': ')
  const why = told === '' ? '' : ` (${told})`
  if (end !== undefined) {
    const { failure, words } = ENDS[end] as End
    return {
      state: 'over',
      ...(failure !== undefined && { failure }),
      detail: `${end}${why}: ${words.replace('{id}', String(id))}; job ${id}`,
    }
  }
  const starting = has(STARTING)
  if (starting !== undefined) return { state: 'pending', detail: `its node is made ready (${starting}), job ${id}` }
  if (has(WAITING) !== undefined) {
    const isAgain = job.restarts > 0 || states.some((state) => state !== 'PENDING')
    const again = isAgain ? `job ${id} was put back into the queue` : `job ${id} waits in the queue`
    return { state: 'pending', detail: `${again}${why}`, ...(isAgain && { again: true }) }
  }
  if (has(RUNNING) !== undefined) return { state: 'running', detail: `job ${id}` }
  return { state: 'unknown', detail: `job ${id} is in a state that is not known here: ${states.join(', ')}` }
}
