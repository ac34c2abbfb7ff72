/** Params that a whole pipeline declares: which step takes which, and whether declarations and takers go together. */
import { declarationFaults, expectedOf, fitted, type Declared } from '../../contract/values/params.ts'
import { paramsNamed } from './conditions/written.ts'
import type { Path, Said } from './describe.ts'
import { takenFromItems } from './fan-out/items.ts'
import { paramOfList } from './fan-out/schema.ts'
import { nearest } from './names/nearest.ts'
import { partitionNotes } from './partitions/check.ts'
import type { Project } from './project.ts'

type Values = Readonly<Record<string, unknown>>
type DeclaredParams = Readonly<Record<string, Declared>>

/** As the value of a param of a step: the pipeline's param of that name. */
const TAKEN = /^\{params\.([A-Za-z_]\w*)\}$/
const NAMED = /\{params\.[A-Za-z_]\w*\}/

/** The params of a step that the pipeline gives: the step's name of each → the pipeline's. Empty where the pipeline declares none. */
export function takenBy(params: Values, declared: DeclaredParams | undefined): Record<string, string> {
  if (declared === undefined) return {}
  const pairs = Object.entries(params).flatMap(([param, value]) => {
    const name = takenName(value)
    return name === undefined ? [] : [[param, name] as const]
  })
  return Object.fromEntries(pairs)
}

function takenName(value: unknown): string | undefined {
  return typeof value === 'string' ? TAKEN.exec(value)?.[1] : undefined
}

/** The value that a param has where a run gives none, as steps get it. */
export function defaultOf(declared: Declared): unknown {
  return fitted(declared, declared.default)?.value
}

/** What was expected in place of a value; undefined for one that the declaration allows. */
export function misfitOf(declared: Declared, value: unknown): string | undefined {
  if (fitted(declared, value) !== undefined) return undefined
  return `${expectedOf(declared)}, as the project file declares it`
}

/** Every fault of declarations and of the steps that take them. `left` is where something was left out because it was wrong. */
export function checkDeclared({ pipeline }: Project, left: readonly Path[]): Said[] {
  const { params: declared, steps } = pipeline
  const isLeft = left.some(([top, of]) => top === 'pipeline' && of === 'params')
  if (declared === undefined) return []
  const own = Object.entries(declared).flatMap(([name, one]) =>
    declarationFaults(one).map(({ key, message }) => ({ path: ['pipeline', 'params', name, key], message })),
  )
  const takers = Object.entries(steps).flatMap(([step, { params }]) =>
    Object.entries(params).flatMap(([param, value]) =>
      checkTaker(['pipeline', 'steps', step, 'params', param], value, { declared, isLeft }),
    ),
  )
  return [...own, ...takers]
}

function checkTaker(
  path: Path,
  value: unknown,
  { declared, isLeft }: { readonly declared: DeclaredParams; readonly isLeft: boolean },
): Said[] {
  const name = takenName(value)
  if (name === undefined) {
    const inside = NAMED.exec(JSON.stringify(value))?.[0]
    if (inside === undefined) return []
    return [{ path, message: `got ${JSON.stringify(value)}, expected "${inside}" alone: a param is taken whole` }]
  }
  if (Object.hasOwn(declared, name) || isLeft) return []
  const close = nearest(name, Object.keys(declared))
  const hint = close === undefined ? `; they are ${Object.keys(declared).join(', ')}` : `; did you mean "${close}"?`
  return [{ path, message: `there is no param "${name}" in pipeline.params${hint}` }]
}

/** What of params is no fault and does nothing: declared ones that no step takes, and texts that take nothing because none is declared. */
export function paramNotes({ pipeline }: Project): string[] {
  return [...itemNotes(pipeline), ...partitionNotes(pipeline), ...declaredNotes(pipeline)]
}

/** Params that ask for an item of a step that has none. */
function itemNotes({ steps }: Project['pipeline']): string[] {
  const bare = Object.entries(steps).filter(([, step]) => step.for_each === undefined)
  return bare.flatMap(([step, { params }]) =>
    Object.keys(takenFromItems(params)).map(
      (param) =>
        `pipeline.steps.${step}.params.${param}: ${String(params[param])} is handed over as that text: the step has no for_each`,
    ),
  )
}

function declaredNotes({ params: declared, steps }: Project['pipeline']): string[] {
  if (declared === undefined) {
    return Object.entries(steps).flatMap(([step, { params }]) =>
      Object.entries(params).flatMap(([param, value]) =>
        takenName(value) === undefined
          ? []
          : [
              `pipeline.steps.${step}.params.${param}: ${String(value)} is handed over as that text: there are no pipeline.params`,
            ],
      ),
    )
  }
  const taken = new Set(
    Object.values(steps).flatMap(({ params, when, for_each: each }) => [
      ...Object.values(takenBy(params, declared)),
      ...[paramOfList(each?.item)].filter((name) => name !== undefined),
      ...paramsNamed(when),
    ]),
  )
  const unused = Object.keys(declared).filter((name) => !taken.has(name))
  return unused.map(
    (name) =>
      `pipeline.params.${name}: no step takes it and no condition names it; a step takes it with "{params.${name}}"`,
  )
}
