/** Plays the acts in order, keeps what each found, and tells the summary. */
import { formatTable, paint } from '../invocation/output.ts'
import { badModels } from './acts/bad-models.ts'
import { crash } from './acts/crash.ts'
import { fly } from './acts/fly.ts'
import { improve } from './acts/improve.ts'
import { prove } from './acts/prove.ts'
import { ship } from './acts/ship.ts'
import { upstream } from './acts/upstream.ts'
import { worldChanges } from './acts/world-changes.ts'
import { Notebook } from './stage/world.ts'
import type { ActResult, World } from './stage/world.ts'

interface Act {
  readonly title: string
  readonly play: (world: World, notes: Notebook) => Promise<void>
}

const ACTS: readonly Act[] = [
  { title: 'Ship: from raw data to an endpoint', play: ship },
  { title: 'Fly: July through the gateway', play: fly },
  { title: 'Improve: a better model, step by step', play: improve },
  { title: 'Bad models: stopped before anyone notices', play: badModels },
  { title: 'Upstream changes: a feed changes its unit', play: upstream },
  { title: 'The world changes: retrain and compare', play: worldChanges },
  { title: 'Crash: kill -9 of the control process', play: crash },
  { title: 'Prove: made again, audited, paid', play: prove },
]

/** Plays the acts up to `last` (1 to 8). An act that throws is over, its reason is a fact that does not hold; the next acts need it and are not played. */
export async function playStory(world: World, last: number): Promise<ActResult[]> {
  const results: ActResult[] = []
  for (const [i, act] of ACTS.slice(0, last).entries()) {
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
