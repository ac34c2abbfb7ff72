/** `slipway rollout`: plays a plan through before it is used, on made-up or on recorded traffic; or steers what is under way. */
import { readUserText } from '../../contract/absence/user-file.ts'
import { rolloutApi } from '../../contract/rollout.ts'
import type { Plan } from '../../contract/rollout/plan.ts'
import { parseProject } from '../../pipelines/spec/parse.ts'
import { rolloutPlan } from '../../pipelines/spec/project.ts'
import { quantileOf, study } from '../../rollout/simulation/study.ts'
import type { Study, StudyResult } from '../../rollout/simulation/study.ts'
import { drawnAgain, madeUp } from '../../rollout/simulation/world.ts'
import type { Fault } from '../../rollout/simulation/world.ts'
import type { SimRow } from '../../rollout/simulation/simulate.ts'
import { number, text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { ACTS, isAct, steer } from './rollout-acts.ts'

const EQUAL: Fault = { errors: 0 }
/** Shares of failing requests of which the curve is made. */
const RATES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5]

export async function run(invocation: Invocation): Promise<number> {
  const [verb, file] = invocation.args
  if (isAct(verb)) return steer(invocation, verb)
  if (verb !== 'simulate' || file === undefined)
    throw new UsageError(
      `rollout needs an act: slipway rollout simulate slipway.yaml, or ${ACTS.join('|')} with an endpoint`,
    )
  const { plan, endpoint } = await planIn(file)
  const recorded = await trafficOf(invocation, plan, endpoint)
  const options = {
    runs: number(invocation, 'runs', { min: 10, max: 10_000, default: 100 }),
    seed: number(invocation, 'seed', { min: 0, max: 1_000_000, default: 1 }),
    every: 25,
    labelDelay: number(invocation, 'label-delay', { min: 0, max: 1_000_000, default: 200 }),
  }
  const rows = number(invocation, 'rows', { min: 100, max: 1_000_000, default: 10_000 })
  const from = (fault: Fault | null): Study['rows'] =>
    recorded === undefined
      ? (random) => madeUp(random, fault ?? EQUAL, rows)
      : (random) => drawnAgain(random, recorded, fault, rows)
  const worlds = worldsOf(recorded, text(invocation, 'candidate'))
  const results = worlds.map(({ name, fault }) => ({ name, ...study(plan, { ...options, rows: from(fault) }) }))
  show(invocation, results, recorded?.length)
  return 0
}

async function planIn(file: string): Promise<{ plan: Plan; endpoint: string }> {
  const project = parseProject(await readUserText(file), file)
  const plan = rolloutPlan(project)
  if (plan === undefined || project.endpoint === undefined)
    throw new UsageError(`${file} has no endpoint with a rollout`)
  return { plan, endpoint: project.endpoint.name }
}

/** Rows of the endpoint where recorded traffic is asked for; undefined for made-up rows. */
async function trafficOf(invocation: Invocation, plan: Plan, named: string): Promise<SimRow[] | undefined> {
  const traffic = text(invocation, 'traffic') ?? 'synthetic'
  if (traffic === 'synthetic') return undefined
  if (traffic !== 'recorded') throw new UsageError(`--traffic is "${traffic}"; expected recorded or synthetic`)
  const { client } = await connect(invocation)
  const name = text(invocation, 'endpoint') ?? named
  const version = text(invocation, 'candidate')
  const { rows } = await client.call(rolloutApi.recorded, {
    params: { name },
    query: {
      limit: 10_000,
      ...(version !== undefined && { version }),
      ...(plan.slices.length > 0 && { slices: plan.slices.join(',') }),
    },
  })
  if (rows.length === 0)
    throw new Error(
      `endpoint ${name} has no recorded rows${version === undefined ? '' : ` that version ${version} scored`}`,
    )
  return rows
}

/** What is played: an equal version, versions with a fault, and the candidate as it was recorded. */
function worldsOf(
  recorded: readonly SimRow[] | undefined,
  candidate: string | undefined,
): { name: string; fault: Fault | null }[] {
  const counts = new Map<string, number>()
  for (const slice of recorded?.flatMap((row) => row.slices) ?? ['group=0'])
    counts.set(slice, (counts.get(slice) ?? 0) + 1)
  const [greatest] = [...counts].toSorted((a, b) => b[1] - a[1])[0] ?? []
  return [
    { name: 'equal version (A/A)', fault: EQUAL },
    ...(candidate !== undefined && recorded !== undefined
      ? [{ name: `version ${candidate} as recorded`, fault: null }]
      : []),
    ...RATES.map((errors) => ({ name: `fails ${errors * 100} %`, fault: { errors } })),
    { name: 'a hundred times slower', fault: { errors: 0, slower: 100 } },
    ...(greatest === undefined
      ? []
      : [{ name: `scores turned round for ${greatest}`, fault: { errors: 0, brokenSlice: greatest } }]),
  ]
}

function show(
  invocation: Invocation,
  results: readonly (StudyResult & { name: string })[],
  recorded: number | undefined,
): void {
  const { out } = invocation
  out.data({ recorded_rows: recorded ?? null, results })
  const of = recorded === undefined ? 'made-up rows' : `${recorded} recorded rows, drawn again`
  out.line(`${results[0]?.runs ?? 0} rollouts a line, on ${of}; nothing was changed`)
  out.table(
    ['version', 'promoted', 'stopped', 'undecided', 'rows p50', 'rows p90', 'canary p50', 'canary p90', 'by'],
    results.map((one) => [
      one.name,
      ...[one.promoted, one.stopped, one.undecided].map(
        (count) => `${Number(((count / one.runs) * 100).toFixed(1))} %`,
      ),
      ...[one.rows, one.canary].flatMap((sorted) =>
        [0.5, 0.9].map((q) => String(quantileOf(sorted, q, one.runs) ?? '–')),
      ),
      Object.entries(one.by)
        .toSorted((a, b) => b[1] - a[1])
        .slice(0, 2)
        .map(([gate]) => gate)
        .join(', '),
    ]),
  )
}
