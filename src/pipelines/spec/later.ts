/** Names of a project file that nothing on the author's machine knows: who can check them, and when. */
import { moduleFile, moduleOf } from './closure.ts'
import { compileSource, secretsOfSource } from './external/source.ts'
import type { Project } from './project.ts'
import type { PipelineSpec } from './spec.ts'
import { STANDARD_LIBRARY } from './python/standard-library.ts'

/** A name at a key of the project file. */
interface Named {
  readonly key: string
  readonly name: string
}

/** One line for each place that will know names of the file; empty for a file without such names. */
export function laterNames(project: Project): string[] {
  const { model, monitor, endpoint, pipeline } = project
  const gates = model?.gates ?? []
  const inputs = [
    ...list('monitor.derived', monitor?.derived ?? []),
    ...list('monitor.same_unit', (monitor?.same_unit ?? []).flat()),
    ...list('monitor.slices', monitor?.slices ?? []),
    ...list('endpoint.rollout.slices', endpoint?.rollout.slices ?? []),
  ]
  const columns = list(
    'model.gates slice',
    gates.map((gate) => ('slice' in gate ? gate.slice : undefined)),
  )
  const metrics = list(
    'model.gates metric',
    gates.map((gate) => ('metric' in gate ? gate.metric : undefined)),
  )
  const onServer = [
    ...list(
      'secrets',
      Object.values(pipeline.steps).flatMap((step) => step.secrets),
    ),
    ...list(
      'sources',
      Object.values(project.sources ?? {}).flatMap((source) => secretsOfSource(compileSource(source, project.sources))),
    ),
    ...list(
      'model.gates not_worse_than',
      gates.map((gate) => ('not_worse_than' in gate ? gate.not_worse_than : undefined)),
    ),
    ...list(
      'monitor.searches',
      (monitor?.searches ?? []).map(({ search }) => search),
    ),
  ]
  return [
    line('the inputs of a registered version', inputs),
    line('the predictions of a run', columns),
    line('the metrics of a run', metrics),
    line('the server', onServer),
  ].flat()
}

/** One line where steps run modules that must come from packages; empty where there are none. */
export function laterModules(spec: Pick<PipelineSpec, 'steps'>): string[] {
  const entries = spec.steps.flatMap(({ entry, code }) => {
    if (typeof entry !== 'string') return []
    const module = moduleOf(entry)
    const isKnown =
      moduleFile(module, new Map(Object.entries(code.files))) !== undefined ||
      STANDARD_LIBRARY.has(module.split('.')[0] ?? '')
    return isKnown ? [] : [{ key: 'run', name: entry }]
  })
  return line('the environment', entries)
}

function list(key: string, names: readonly (string | undefined)[]): Named[] {
  return names.flatMap((name) => (name === undefined ? [] : [{ key, name }]))
}

function line(where: string, named: readonly Named[]): string[] {
  if (named.length === 0) return []
  const keys = [...new Set(named.map(({ key }) => key))].map((key) => {
    const names = [...new Set(named.filter((one) => one.key === key).map(({ name }) => `"${name}"`))]
    return `${key} ${names.join(', ')}`
  })
  return [`not checked here: ${keys.join('; ')}; only ${where} can tell`]
}
