/** What the page of a study draws of its trials. */
import type { Study } from '../queries.ts'

type Trial = Study['trials'][number]

/** Trials that went to their end, in their order. */
export function toldTrials({ trials }: Pick<Study, 'trials'>): (Trial & { readonly value: number })[] {
  return trials.filter((one): one is Trial & { value: number } => one.state === 'succeeded' && one.value !== null)
}

/** The number of each trial that went to its end, its value, and the best so far. */
export function bestSoFar(study: Pick<Study, 'trials' | 'plan'>): { x: number[]; values: number[]; best: number[] } {
  const told = toldTrials(study)
  const better = study.plan.direction === 'maximize' ? Math.max : Math.min
  const best: number[] = []
  for (const { value } of told) best.push(better(best.at(-1) ?? value, value))
  return { x: told.map(({ number }) => number), values: told.map(({ value }) => value), best }
}

/** Axes of the searched params, the objective last, and of each trial a number on each: of a choice its place among the choices. */
export function parallelOf(study: Pick<Study, 'trials' | 'plan'>): {
  readonly axes: string[]
  readonly lines: { readonly number: number; readonly share: number; readonly values: (number | null)[] }[]
} {
  const { space, objective, direction } = study.plan
  const told = toldTrials(study)
  const losses = told.map(({ value }) => (direction === 'maximize' ? -value : value))
  const ranks = losses.map((loss) => losses.filter((other) => other < loss).length)
  const lines = told.map(({ number, params, value }, i) => ({
    number,
    share: told.length < 2 ? 0 : (ranks[i] ?? 0) / (told.length - 1),
    values: [
      ...Object.entries(space).map(([name, one]) =>
        one.kind === 'choice'
          ? one.choices.findIndex((choice) => JSON.stringify(choice) === JSON.stringify(params[name]))
          : Number(params[name]),
      ),
      value,
    ],
  }))
  // the best last, so that they are drawn above the others
  return { axes: [...Object.keys(space), objective.metric], lines: lines.toSorted((a, b) => b.share - a.share) }
}

/** The choices of each param that has some, in the order of their numbers on its axis. */
export function choicesSaid({ plan }: Pick<Study, 'plan'>): string[] {
  return Object.entries(plan.space).flatMap(([name, one]) =>
    one.kind === 'choice' ? [`${name}: ${one.choices.map((choice, i) => `${i} is ${String(choice)}`).join(', ')}`] : [],
  )
}
