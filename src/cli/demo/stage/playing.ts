/** Plays the acts of a story in order, keeps what each found, and tells the summary. */
import { formatTable, paint } from '../../invocation/output.ts'
import type { Output } from '../../invocation/output.ts'
import { Notebook } from './world.ts'
import type { ActResult } from './world.ts'

/** One act of a story in a world of its kind. */
export interface Act<W> {
  readonly title: string
  readonly play: (world: W, notes: Notebook) => Promise<void>
}

/** Plays these acts. One that throws is over, its reason is a fact that does not hold; the next acts need it and are not played. */
export async function playActs<W extends { readonly out: Output }>(
  acts: readonly Act<W>[],
  world: W,
): Promise<ActResult[]> {
  const results: ActResult[] = []
  for (const [i, act] of acts.entries()) {
    world.out.line(`\n${paint('bold', `Act ${i + 1}. ${act.title}`)}`)
    const notes = new Notebook(world.out)
    const begun = performance.now()
    const fault = await act.play(world, notes).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    if (fault !== undefined) notes.check('the act could not go on', fault, false)
    const seconds = Math.round(performance.now() - begun) / 1000
    results.push({ number: i + 1, title: act.title, seconds, facts: notes.facts, links: notes.links })
    if (fault !== undefined) break
  }
  return results
}

/** True when every act was played and every fact holds. */
export function held(results: readonly ActResult[], last: number): boolean {
  return results.length === last && results.every((act) => act.facts.every((fact) => fact.ok))
}

/** The summary as a table: what happened, how long it took, what proves it. */
export function summary(results: readonly ActResult[]): string {
  const rows = results.flatMap((act) =>
    act.facts.map((fact, i) => [
      i === 0 ? `${act.number}. ${act.title.split(':')[0]}` : '',
      i === 0 ? `${act.seconds.toFixed(1)} s` : '',
      fact.ok ? 'yes' : 'NO',
      fact.what,
      fact.found.length > 110 ? `${fact.found.slice(0, 109)}…` : fact.found,
    ]),
  )
  return formatTable(['act', 'took', 'holds', 'what', 'evidence'], rows)
}
