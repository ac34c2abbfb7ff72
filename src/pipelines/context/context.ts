/** What the parts of the reconciler share: the deps, compiled specs, and what runs are doing right now. */
import type { PipelinesDeps } from './deps.ts'
import type { RunRow, StepRow } from './rows.ts'
import type { PipelineSpec, StepSpec } from '../spec/spec.ts'
import { Silences } from '../drivers/silence.ts'
import { itemParams } from '../spec/fan-out/items.ts'
import { stepNamed } from './units.ts'
import { isUnreadable, requireVersion } from '../spec/versions.ts'

/** Specs kept in memory: of all runs that go on, which are looked at in turn. */
const KEPT = 2000

export class Context {
  readonly deps: PipelinesDeps
  /** For how long runs, waits and starts have lasted; names begin with the run. */
  readonly spans: Silences
  readonly #specs = new Map<string, PipelineSpec>()
  readonly #doing = new Map<string, string>()
  readonly #listeners = new Map<string, Set<() => void>>()

  constructor(deps: PipelinesDeps) {
    this.deps = deps
    this.spans = new Silences(() => deps.clock())
  }

  /** The spec of a version; versions never change. */
  async spec(versionId: string): Promise<PipelineSpec> {
    const known = this.#specs.get(versionId)
    if (known !== undefined) return known
    const { spec } = await requireVersion(this.deps.db, versionId)
    this.#specs.set(versionId, spec)
    if (this.#specs.size > KEPT) this.#specs.delete(this.#specs.keys().next().value ?? '')
    return spec
  }

  /** What a long preparation is doing; shown until it is over. */
  say(runId: string, text: string | undefined): void {
    if (text === undefined) this.#doing.delete(runId)
    else this.#doing.set(runId, text)
    this.tell(runId)
  }

  doing(runId: string): string | undefined {
    return this.#doing.get(runId)
  }

  /** Wakes those who watch a run. */
  tell(runId: string): void {
    for (const listener of this.#listeners.get(runId) ?? []) listener()
    this.deps.changed?.(runId)
  }

  /** Calls back at each change of a run until the returned function is called. */
  watch(runId: string, listener: () => void): () => void {
    const all = this.#listeners.get(runId) ?? new Set()
    this.#listeners.set(runId, all.add(listener))
    return () => {
      all.delete(listener)
      if (all.size === 0) this.#listeners.delete(runId)
    }
  }
}

/** Why the spec of a version cannot be read; undefined where it can. */
export async function whyUnreadable(context: Context, versionId: string): Promise<string | undefined> {
  try {
    await context.spec(versionId)
    return undefined
  } catch (error) {
    if (!isUnreadable(error)) throw error
    return error.message
  }
}

/** The step of a spec that a row is of, itself or as an item. A run has the steps of its version, so it is there. */
export function stepOf(spec: PipelineSpec, name: string): StepSpec {
  const own = stepNamed(name)
  const step = spec.steps.find((candidate) => candidate.name === own)
  if (step === undefined) throw new Error(`the pipeline has no step "${name}"`)
  return step
}

/** The params of a step in a run: the project file's with what the run gives instead; of an item with what that gives. */
export function paramsOf(
  run: Pick<RunRow, 'params'>,
  step: StepSpec,
  of?: Pick<StepRow, 'item_of' | 'item'>,
): Record<string, unknown> {
  const params = { ...step.params, ...run.params[step.name] }
  return of === undefined || of.item_of === null ? params : { ...params, ...itemParams(step, of.item) }
}
