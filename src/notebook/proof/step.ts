/** What `main` of a package leaves, beside what the original has: the numbers that it gives back, and the answers of the saved model. */
import { comparePredictions, near, type Saved } from './compare.ts'
import type { Described, Run } from './record.ts'

/** What of the variables that judge the model `main` gives back otherwise, or not at all. */
export function compareMetrics(original: Run, made: Run, metrics: readonly string[]): string[] {
  if (made.failed !== null) return []
  const invented = Object.keys(made.metrics ?? {}).filter((name) => !metrics.includes(name))
  const more = invented.map((name) => `main of the package gives back ${name}, which the original does not judge by`)
  const differing = metrics.flatMap((name) => {
    const wanted = numberOf(original.cells.findLast(({ values }) => name in values)?.values[name])
    if (wanted === undefined) return []
    const given = numberOf(made.metrics?.[name])
    if (given === undefined) return [`main of the package gives back no ${name}`]
    return near(wanted, given)
      ? []
      : [`main of the package gives back ${name} ${given}, and the original has ${wanted}`]
  })
  return [...differing, ...more]
}

function numberOf(value: Described | undefined): number | undefined {
  const number = value?.k === 'number' ? Number(value.v.replace('inf', 'Infinity')) : undefined
  return number === undefined || Number.isNaN(number) ? undefined : number
}

/**
 * The verdict on the model that `main` saved: loaded by a process that does not have the package, it answers as the original. `saved` is
 * that process; undefined where it was not started.
 */
export function compareSaved(original: Run, made: Run, saved: Run | undefined): Saved {
  if (made.failed !== null) return { verdict: 'not compared', why: 'the package does not run' }
  const { state = 'failed', why = 'the package says nothing of what it saved' } = made.saved ?? {}
  if (state !== 'saved') return { verdict: state === 'failed' ? 'not verified' : 'not compared', why }
  if (saved === undefined) return { verdict: 'not compared', why: 'it was saved, and not asked' }
  return compareAnswers(original, saved)
}

function compareAnswers(original: Run, saved: Run): Saved {
  const failed = saved.failed?.why ?? (saved.probe?.k === 'fault' ? saved.probe.why : undefined)
  if (failed !== undefined) return { verdict: 'not verified', why: `the saved model does not answer: ${failed}` }
  const found = saved.probe === null ? undefined : comparePredictions(original, saved)
  if (found === undefined)
    return {
      verdict: 'not compared',
      why: 'it was saved and loaded; the notebook has no answers to rows that have a name',
    }
  const [what = ''] = found.differences
  return { verdict: found.verdict, why: what === '' ? '' : `the saved model: ${what}` }
}
