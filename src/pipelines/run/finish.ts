/** The end of a run: the model goes to the registry, a proof is graded, and the outcome is written once. */
import { Problem } from '../../contract/errors.ts'
import { faultPoint } from '../../store/fault.ts'
import { canonical } from '../spec/canonical.ts'
import type { Context } from '../context/context.ts'
import type { RegisterRequest } from '../context/deps.ts'
import { downstream } from '../spec/graph.ts'
import { gradeRun } from './reproduce.ts'
import { isDone, parseRun, type RegisteredModel, type RunRow, type RunTree, type StepRow } from '../context/rows.ts'
import type { PipelineSpec } from '../spec/spec.ts'

interface Ending {
  readonly state: RunRow['state']
  readonly outcome: NonNullable<RunRow['outcome']>
  readonly message: string
  readonly registered: RegisteredModel | null
  readonly reproduction: Record<string, unknown> | null
}

/** Ends a run whose steps have all ended. Safe to repeat: registering the same model twice is one registration. */
export async function finishRun(context: Context, tree: RunTree): Promise<void> {
  const ending = await decide(context, tree)
  const { run } = tree
  faultPoint('pipelines.run_closing')
  await context.deps.db.tx((t) =>
    t.run(
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
    ),
  )
}

async function decide(context: Context, tree: RunTree): Promise<Ending> {
  const { run } = tree
  const none = { registered: null, reproduction: null }
  if (run.options.reproduces !== null && run.desired_state !== 'cancel') {
    const reproduction = await gradeRun(context, tree)
    await context.deps.proved?.(reproduction.of_run, reproduction.grade ?? 'D')
    const ok = reproduction.grade === 'A' || reproduction.grade === 'B'
    const state = ok ? 'succeeded' : 'failed'
    return { ...none, state, outcome: state, message: reproduction.detail, reproduction: { ...reproduction } }
  }
  const failed = tree.steps.filter((step) => step.state === 'failed')
  if (run.desired_state === 'cancel' && !tree.steps.every(isDone)) {
    return { ...none, state: 'cancelled', outcome: 'cancelled', message: 'was cancelled' }
  }
  const [first] = failed
  if (first !== undefined) {
    const message = `step "${first.name}" failed: ${first.failure?.message ?? 'without a message'}`
    return { ...none, state: 'failed', outcome: 'failed', message }
  }
  return succeed(context, tree)
}

async function succeed(context: Context, tree: RunTree): Promise<Ending> {
  const spec = await context.spec(tree.run.version_id)
  const cached = tree.steps.filter((step) => step.state === 'cached').length
  const ran = tree.steps.length - cached
  const counts = `${ran} ${ran === 1 ? 'step' : 'steps'} ran, ${cached} came from the cache`
  const done = { state: 'succeeded', reproduction: null } as const
  if (spec.model === null || !tree.run.options.register) {
    return { ...done, outcome: 'succeeded', message: counts, registered: null }
  }
  try {
    const registered = await register(context, tree, spec)
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
async function register(context: Context, tree: RunTree, spec: PipelineSpec): Promise<RegisteredModel> {
  const request = registerRequest(tree, spec)
  const known = await alreadyRegistered(context, tree, request)
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
    const inputs = spec.steps.find((step) => step.name === name)?.inputs ?? {}
    return Object.fromEntries(
      Object.entries(inputs).map(([input, from]) => [input, row(from.step)?.outputs[from.output]?.digest ?? '']),
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
    role: run.role,
    by: run.created_by,
    run: run.id,
  }
}

/**
 * The accepted registration of the same files by an earlier run of the same pipeline version and params, when this run took
 * everything from the cache: gates, hold-out and model are then the same, so the verdict is too.
 */
async function alreadyRegistered(
  context: Context,
  tree: RunTree,
  request: RegisterRequest,
): Promise<(RegisteredModel & { run: string }) | undefined> {
  const { run } = tree
  if (!tree.steps.every((step) => step.state === 'cached')) return undefined
  const rows = await context.deps.db.all(
    `SELECT * FROM pipeline_runs WHERE project = ? AND version_id = ? AND outcome = 'succeeded' AND registered IS NOT NULL
     ORDER BY created_at DESC LIMIT 20`,
    [run.project, run.version_id],
  )
  for (const earlier of rows.map(parseRun)) {
    const { registered } = earlier
    if (registered?.tree !== request.tree || registered.model !== request.model) continue
    if (canonical(earlier.params) !== canonical(run.params)) continue
    if (request.deployment === null || registered.deployed) return { ...registered, run: earlier.id }
  }
  return undefined
}

function text(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value)
}
