/** Runs that repeat the same with another seed, put together. */
import { cellText } from './columns.ts'

export interface SeededRun {
  readonly id: string
  readonly params: Readonly<Record<string, string>>
}

export interface SeedGroup<R> {
  /** What the runs share among the params that differ: `lr 0.1, width 64`; `all` when nothing else differs. */
  readonly label: string
  readonly runs: readonly R[]
}

const SEED = /^(?:.*[._-])?(?:random_)?(?:seed|state|random_state|fold|repeat|trial)$/i

/** The param that looks like a seed: it differs and is called so. Undefined when there is none. */
export function seedParam(differing: readonly string[]): string | undefined {
  return differing.find((key) => /seed$/i.test(key)) ?? differing.find((key) => SEED.test(key))
}

/** Runs by their differing params other than the seed, in the order of the runs. */
export function seedGroups<R extends SeededRun>(
  runs: readonly R[],
  differing: readonly string[],
  seed: string,
): SeedGroup<R>[] {
  const others = differing.filter((key) => key !== seed)
  const groups = Map.groupBy(runs, (run) => JSON.stringify(others.map((key) => run.params[key] ?? null)))
  return [...groups.values()].map((members) => ({
    label: others.map((key) => `${key} ${cellText(members[0]?.params[key])}`).join(', ') || 'all',
    runs: members,
  }))
}
