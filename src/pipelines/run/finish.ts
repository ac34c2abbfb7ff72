/** The end of a run: the model goes to the registry, a proof is graded, and the outcome is written once. */
import { Problem } from '../../contract/errors.ts'
import { faultPoint } from '../../store/fault.ts'
import { canonical } from '../spec/canonical.ts'
import type { Context } from '../context/context.ts'
import type { MadeData, RegisterRequest } from '../context/deps.ts'
import { leftOutSteps } from '../decide/needs.ts'
import { downstream } from '../spec/graph.ts'
import type { Proof } from '../proof/grade.ts'
import { gradeRun } from './reproduce.ts'
import { isDone, parseRun, type RegisteredModel, type RunRow, type RunTree, type StepRow } from '../context/rows.ts'
import type { PipelineSpec } from '../spec/spec.ts'

interface Ending {
  readonly state: RunRow['state']
  readonly outcome: NonNullable<RunRow['outcome']>
  readonly message: string
  readonly registered: RegisteredModel | null
  readonly reproduction: Proof | null
}

/** Ends a run whose steps have all ended. Safe to repeat: registering the same model twice is one registration. */
export async function finishRun(context: Context, tree: RunTree): Promise<void> {
  const ending = await decide(context, tree)
  const { run } = tree
  const made = ending.state === 'succeeded' && run.options.reproduces === null ? await madeData(context, tree) : []
  faultPoint('pipelines.run_closing')
  await context.deps.db.tx(async (t) => {
    const ended = await t.run(
      `UPDATE pipeline_runs SET state = ?, outcome = ?, message = ?, registered = ?, reproduction = ?, finished_at = ?
       WHERE id = ? AND state IN ('waiting', 'preparing', 'running')`,
      [
        ending.state,
        ending.outcome,
        ending.message,
        text(ending.registered),
        text(ending.reproduction),
        context.deps.clock(),
        run.id,
      ],
    )
    // once: whoever ends the run adds them in the same transaction
    if (ended === 0) return
    for (const one of made) await context.deps.dataSets?.().add(t, one)
    if (ending.reproduction !== null) await context.deps.attest?.(t, run.id, ending.reproduction)
  })
}

/** Outputs that the project file makes versions of data sets; steps that were skipped made none. */
async function madeData(context: Context, { run, steps }: RunTree): Promise<MadeData[]> {
  const { data_sets = [] } = await context.spec(run.version_id)
  return data_sets.flatMap(({ name, step, output }) => {
    const row = steps.find((one) => one.name === step)
    const content = row?.outputs[output]
    if (row === undefined || content === undefined) return []
    const { digest, size, files } = content
    const data_at = row.finished_at ?? context.deps.clock()
    return [
      {
        project: run.project,
        name,
        run: run.id,
        step,
        output,
        content: { digest, size, files },
        data_at,
        by: run.created_by,
      },
    ]
  })
}

async function decide(context: Context, tree: RunTree): Promise<Ending> {
  const { run } = tree
  const none = { registered: null, reproduction: null }
  if (run.options.reproduces !== null && run.desired_state !== 'cancel') {
    const reproduction = await gradeRun(context, tree)
    await context.deps.proved?.(reproduction.of_run, reproduction.grade ?? 'D')
    const ok = reproduction.grade === 'A' || reproduction.grade === 'B'
    const state = ok ? 'succeeded' : 'failed'
    return { ...none, state, outcome: state, message: reproduction.detail, reproduction }
  }
  const failed = tree.steps.filter((step) => step.state === 'failed')
  const spec = await context.spec(run.version_id)
  const leftOut = leftOutSteps(spec, tree.steps)
  if (run.desired_state === 'cancel' && !tree.steps.every((step) => isDone(step) || leftOut.has(step.name))) {
    if (run.overdue !== null) return { ...none, state: 'failed', outcome: 'failed', message: run.overdue }
    return { ...none, state: 'cancelled', outcome: 'cancelled', message: 'was cancelled' }
  }
  const [first] = failed
  if (first !== undefined) {
    const message = `step "${first.name}" failed: ${first.failure?.message ?? 'without a message'}`
    return { ...none, state: 'failed', outcome: 'failed', message }
  }
  return succeed(context, tree, { spec, leftOut })
}

interface Run {
  readonly spec: PipelineSpec
  /** Steps that were skipped by conditions. */
  readonly leftOut: ReadonlySet<string>
}

async function succeed(context: Context, tree: RunTree, { spec, leftOut }: Run): Promise<Ending> {
  const cached = tree.steps.filter((step) => step.state === 'cached').length
  const ran = tree.steps.length - cached - leftOut.size
  const skipped = leftOut.size === 0 ? '' : `, ${leftOut.size} ${leftOut.size === 1 ? 'was' : 'were'} skipped`
  const counts = `${ran} ${ran === 1 ? 'step' : 'steps'} ran, ${cached} came from the cache${skipped}`
  const done = { state: 'succeeded', reproduction: null } as const
  if (spec.model === null || !tree.run.options.register) {
    return { ...done, outcome: 'succeeded', message: counts, registered: null }
  }
  if (leftOut.has(spec.model.step)) {
    const message = `no model was made: step "${spec.model.step}" was skipped (${counts})`
    return { ...done, outcome: 'succeeded', message, registered: null }
  }
  try {
    const registered = await register(context, tree, { spec, leftOut })
    const refused = registered.verdict === 'refused'
    const message = `${registered.model} version ${registered.version}: ${registered.detail} (${counts})`
    return { ...done, outcome: refused ? 'refused' : 'succeeded', message, registered }
  } catch (error) {
    if (!(error instanceof Problem) || error.status >= 500) throw error
    const message = `the steps succeeded, but the model could not be registered: ${error.message}`
    return { state: 'failed', outcome: 'failed', message, registered: null, reproduction: null }
  }
}

/** Registers the model; one that an earlier run registered with the same judges is taken as it is. */
async function register(context: Context, tree: RunTree, of: Run): Promise<RegisteredModel> {
  const request = registerRequest(tree, of.spec)
  const known = await alreadyRegistered(context, tree, [request, of])
  if (known !== undefined) return { ...known, detail: `unchanged since run ${known.run}` }
  const { version, passed, detail } = await context.deps.registerModel(request)
  return {
    model: request.model,
    version,
    verdict: passed ? 'accepted' : 'refused',
    detail,
    tree: request.tree,
    deployed: request.deployment !== null,
  }
}

/** The tree that `monitor.reference` names as STEP.OUTPUT. */
function referenceOf(spec: PipelineSpec, row: (name: string) => StepRow | undefined): string | undefined {
  const named = spec.monitor?.['reference']
  const [step = '', output = ''] = typeof named === 'string' ? named.split('.', 2) : []
  return row(step)?.outputs[output]?.digest
}

export function registerRequest({ run, steps }: RunTree, spec: PipelineSpec): RegisterRequest {
  const { model } = spec
  if (model === null) throw new Error('the project names no model')
  const row = (name: string) => steps.find((step) => step.name === name)
  const trees = (name: string): Record<string, string> => {
    const { inputs = {}, sources = {} } = spec.steps.find((step) => step.name === name) ?? {}
    const found = [
      ...Object.entries(inputs).map(([input, from]) => [input, row(from.step)?.outputs[from.output]?.digest] as const),
      ...Object.entries(sources).map(([input, source]) => [input, run.sources?.[source]?.digest] as const),
    ]
    return Object.fromEntries(
      found.flatMap(([input, digest]) => (digest === undefined ? [] : [[input, digest] as const])),
    )
  }
  const tree = row(model.step)?.outputs[model.output]?.digest ?? ''
  const after = downstream(spec.steps, model.step)
  const judges = spec.steps.filter((step) => after.has(step.name)).map((step) => step.name)
  const evaluating = judges.find((name) => row(name)?.outputs['predictions'] !== undefined)
  const read = judges.flatMap((name) => Object.values(trees(name))).filter((digest) => digest !== tree)
  return {
    project: run.project,
    model: model.name,
    tree,
    run_id: row(model.step)?.tracking_run_id ?? null,
    pipeline_run_id: run.id,
    metrics: Object.assign({}, ...judges.map((name) => row(name)?.metrics ?? {})) as Record<string, number>,
    data: [...new Set(read)],
    environment: run.environment,
    ...(evaluating === undefined
      ? { evaluation: null, holdout: null }
      : {
          evaluation: row(evaluating)?.outputs['predictions']?.digest ?? null,
          holdout: Object.values(trees(evaluating)).find((digest) => digest !== tree) ?? null,
        }),
    reference: referenceOf(spec, row) ?? Object.values(trees(model.step))[0] ?? null,
    gates: model.gates,
    deployment: run.options.deploy ? deploymentOf(run, spec) : null,
    created_by: run.created_by,
  }
}

/** Where the project wants its model, as the wish of whoever the run is of; null where it names no endpoint. */
export function deploymentOf(run: RunRow, { endpoint, monitor }: PipelineSpec): RegisterRequest['deployment'] {
  if (endpoint === null) return null
  return {
    endpoint: endpoint.name,
    project: run.project,
    plan: endpoint.rollout,
    monitor: monitor ?? {},
    ...(endpoint.features !== undefined && { features: servedBy(endpoint.features, run) }),
    role: run.role,
    by: run.created_by,
    run: run.id,
  }
}

/** A feature service in the version by which the run joined it, so that a model is served by what it was trained with; else as it is named. */
function servedBy(features: string, { sources }: Pick<RunRow, 'sources'>): string {
  const joined = Object.values(sources ?? {}).flatMap(({ kind, version }) => {
    const [, name, number] = (kind === 'features' && /^(\w+)@(\d+) /.exec(version ?? '')) || []
    return name === features ? [Number(number)] : []
  })
  return joined.length === 0 ? features : `${features}@${Math.max(...joined)}`
}

/**
 * The accepted registration of the same files by an earlier run of the same pipeline version and params, when this run took
 * everything from the cache: gates, hold-out and model are then the same, so the verdict is too.
 */
async function alreadyRegistered(
  context: Context,
  tree: RunTree,
  [request, { spec, leftOut }]: [RegisterRequest, Run],
): Promise<(RegisteredModel & { run: string }) | undefined> {
  const { run } = tree
  if (!tree.steps.every((step) => step.state === 'cached' || leftOut.has(step.name))) return undefined
  const rows = await context.deps.db.all(
    `SELECT * FROM pipeline_runs WHERE project = ? AND version_id = ? AND outcome = 'succeeded' AND registered IS NOT NULL
     ORDER BY created_at DESC LIMIT 20`,
    [run.project, run.version_id],
  )
  for (const earlier of rows.map(parseRun)) {
    const { registered } = earlier
    if (registered?.tree !== request.tree || registered.model !== request.model) continue
    if (canonical(earlier.params) !== canonical(run.params)) continue
    // a step that judges the model may have been skipped there and not here
    if (spec.steps.some(({ when }) => when !== undefined) && !(await skippedAlike(context, earlier.id, leftOut)))
      continue
    if (request.deployment === null || registered.deployed) return { ...registered, run: earlier.id }
  }
  return undefined
}

async function skippedAlike({ deps }: Context, run: string, leftOut: ReadonlySet<string>): Promise<boolean> {
  const rows = await deps.db.all<{ name: string }>(
    "SELECT name FROM pipeline_steps WHERE run_id = ? AND state = 'skipped' AND item_of IS NULL",
    [run],
  )
  return rows.length === leftOut.size && rows.every(({ name }) => leftOut.has(name))
}

function text(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value)
}
