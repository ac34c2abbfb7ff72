/** Figures of pipelines for outside monitors: steps in line and running, how attempts ended, what they waited, limits of time, pools. */
import type { Family, Sample } from '../../http/prometheus-text.ts'
import { poolRooms } from '../../pipelines/pools/pools.ts'
import {
  countedAttempts,
  countedLimits,
  placedSteps,
  WAIT_BOUNDS,
  type CountedAttempts,
} from '../../pipelines/line/counted.ts'
import { blindTriggers } from '../../pipelines/triggers/view.ts'
import { preparationFailures, stepQueues } from '../../pipelines/run/watched.ts'
import type { Places } from '../../pipelines/line/line.ts'
import type { MonitoringDeps } from '../context/context.ts'

/** Of a project; null = of all. */
export async function pipelineFamilies(deps: MonitoringDeps, project: string | null): Promise<Family[]> {
  return [
    await preparations(deps, project),
    await triggers(deps, project),
    ...(await queues(deps, project)),
    ...attempts(await countedAttempts(deps.db, project)),
    await limits(deps, project),
  ]
}

async function triggers({ db }: MonitoringDeps, project: string | null): Promise<Family> {
  const all = await blindTriggers(db, project)
  return {
    name: 'slipway_pipeline_trigger_blind',
    type: 'gauge',
    help: '1 while the trigger of a pipeline cannot look at what it watches, or takes no calls; else 0.',
    samples: all.map(({ project: of, name, blind }) => ({
      labels: { project: of, trigger: name },
      value: blind ? 1 : 0,
    })),
  }
}

async function preparations({ db }: MonitoringDeps, project: string | null): Promise<Family> {
  const rows = await preparationFailures(db, project)
  return {
    name: 'slipway_pipeline_preparation_failures_total',
    type: 'counter',
    help: 'Preparations of pipeline runs that failed by a fault of the server.',
    samples: rows.map((row) => ({ labels: { project: row.project }, value: row.n })),
  }
}

/** Steps in line for a place, and those that run. */
async function queues({ db, clock }: MonitoringDeps, project: string | null): Promise<Family[]> {
  const now = clock()
  const rows = await stepQueues(db, project, now)
  const placed = await placedSteps(db, project, now)
  const states = ['waiting', 'running'] as const
  return [
    {
      name: 'slipway_pipeline_steps',
      type: 'gauge',
      help: 'Steps that wait for a place, and steps that run.',
      samples: rows.flatMap((row) =>
        states.map((state) => ({ labels: { project: row.project, state }, value: row[state] })),
      ),
    },
    {
      name: 'slipway_pipeline_steps_by_pool',
      type: 'gauge',
      help: 'The same by driver and by pool; the pool is empty for steps that name none.',
      samples: placed.flatMap(({ project: of, driver, pool, ...counts }) =>
        states.map((state) => ({ labels: { project: of, driver, pool, state }, value: counts[state] })),
      ),
    },
    {
      name: 'slipway_pipeline_queue_age_seconds',
      type: 'gauge',
      help: 'How long the oldest step that waits for a place has waited; 0 when none waits.',
      samples: rows.map((row) => ({
        labels: { project: row.project },
        value: row.since === null ? 0 : Math.max(0, now - row.since) / 1000,
      })),
    },
  ]
}

function attempts(rows: readonly CountedAttempts[]): Family[] {
  const ended = rows.flatMap((row) => (row.ended_as === null ? [] : [{ ...row, ended_as: row.ended_as }]))
  const failed = ended.filter(({ ended_as: how }) => how !== 'succeeded' && how !== 'cancelled')
  const byProject = sums(rows)
  return [
    {
      name: 'slipway_pipeline_attempts_failed_total',
      type: 'counter',
      help: 'Attempts of steps that failed or were lost.',
      samples: sums(failed).map(({ project, n }) => ({ labels: { project }, value: n })),
    },
    {
      name: 'slipway_pipeline_attempts_ended_total',
      type: 'counter',
      help: 'Attempts of steps that ended: succeeded, cancelled, or by the class of their failure; preempted = taken away.',
      samples: ended.map(({ project, driver, ended_as, n }) => ({
        labels: { project, driver, ended: ended_as },
        value: n,
      })),
    },
    {
      name: 'slipway_pipeline_wait_seconds',
      type: 'histogram',
      help: 'How long attempts of steps waited for their place before they got one.',
      samples: byProject.flatMap(histogram),
    },
    {
      name: 'slipway_pipeline_checkpoints_total',
      type: 'counter',
      help: 'Checkpoints that attempts of steps made.',
      samples: byProject.flatMap(({ project, checkpoints }) =>
        checkpoints === 0 ? [] : [{ labels: { project }, value: checkpoints }],
      ),
    },
  ]
}

/** One row a project. */
function sums(rows: readonly CountedAttempts[]): Omit<CountedAttempts, 'driver' | 'ended_as'>[] {
  return [...Map.groupBy(rows, ({ project }) => project)].map(([project, own]) => {
    const sum = (of: 'n' | 'waits' | 'waited_ms' | 'checkpoints'): number =>
      own.reduce((total, row) => total + row[of], 0)
    return {
      project,
      n: sum('n'),
      waits: sum('waits'),
      waited_ms: sum('waited_ms'),
      within: WAIT_BOUNDS.map((_, i) => own.reduce((total, row) => total + (row.within[i] ?? 0), 0)),
      checkpoints: sum('checkpoints'),
    }
  })
}

/** Nothing for a project of which no wait is known. */
function histogram({ project, within, waits, waited_ms }: Omit<CountedAttempts, 'driver' | 'ended_as'>): Sample[] {
  if (waits === 0) return []
  const bounds = WAIT_BOUNDS.map((ms, i) => [String(ms / 1000), within[i] ?? 0] as const)
  return [
    ...[...bounds, ['+Inf', waits] as const].map(([le, value]): Sample => ({
      suffix: '_bucket',
      labels: { project, le },
      value,
    })),
    { suffix: '_sum', labels: { project }, value: waited_ms / 1000 },
    { suffix: '_count', labels: { project }, value: waits },
  ]
}

async function limits({ db }: MonitoringDeps, project: string | null): Promise<Family> {
  const rows = await countedLimits(db, project)
  return {
    name: 'slipway_pipeline_limits_hit_total',
    type: 'counter',
    help: 'What a limit of time has ended: a wait (queued), a start (starting), an attempt (running, silent), a whole run (run).',
    samples: rows.map(({ project: of, limit, n }) => ({ labels: { project: of, limit }, value: n })),
  }
}

/** Of the whole server: a place is no project's. What is asked may be more than there is. */
export function placesFamily(now: Places): Family {
  const states = ['held', 'free', 'asked'] as const
  return {
    name: 'slipway_pipeline_places',
    type: 'gauge',
    help: 'Cores (`cpus`) and memory (`memory_bytes`) of steps: held by those that run, free, and asked for by those that wait.',
    samples: states.flatMap((state) =>
      (['cpus', 'memory_bytes'] as const).map((resource) => ({
        labels: { resource, state },
        value: now[state][resource],
      })),
    ),
  }
}

/** Of the whole server, too; more may be held than there is where a pool was made smaller. */
export async function poolFamily({ db }: MonitoringDeps): Promise<Family> {
  const pools = [...(await poolRooms(db)).values()]
  return {
    name: 'slipway_pool_places',
    type: 'gauge',
    help: 'Places of each pool: all (`total`), and those that are held.',
    samples: pools.flatMap(({ name, places, held }) => [
      { labels: { pool: name, state: 'total' }, value: places },
      { labels: { pool: name, state: 'held' }, value: held },
    ]),
  }
}
