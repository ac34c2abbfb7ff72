/** Which budgets a call is charged to. */
import type { BudgetRoute, BudgetScope, KeyRoute, LlmRoute } from '../../table/llm.ts'

/** Who calls. */
export interface Caller {
  /** Project that the call belongs to. */
  readonly project: string
  /** What the token may do; null = nothing is said of it. */
  readonly key: KeyRoute | null
}

type Index = ReadonlyMap<string, readonly BudgetRoute[]>

/** Of each table once: a call looks up a few names, however many budgets there are. */
const indexes = new WeakMap<LlmRoute, Index>()

/** Budgets of a project that a call is charged to: of its token, its user and team, each of its tags, and the project; each once. */
export function budgetsOf(route: LlmRoute, { project, key }: Caller): BudgetRoute[] {
  if (route.budgets.length === 0) return []
  const index = indexOf(route)
  const found = (scope: BudgetScope, of: string | null | undefined): readonly BudgetRoute[] =>
    of === null || of === undefined ? [] : (index.get(nameOf(project, scope, of)) ?? [])
  return [
    ...found('key', key?.token),
    ...found('user', key?.user),
    ...found('team', key?.team),
    ...found('project', project),
    ...[...new Set(key?.tags)].flatMap((tag) => found('tag', tag)),
  ]
}

function indexOf(route: LlmRoute): Index {
  const known = indexes.get(route)
  if (known !== undefined) return known
  const index = Map.groupBy(route.budgets, ({ project, scope, of }) => nameOf(project, scope, of))
  indexes.set(route, index)
  return index
}

function nameOf(project: string, scope: BudgetScope, of: string): string {
  return JSON.stringify([project, scope, of])
}
