/** The acts of the story on real flights. */
import { badModels } from './acts/bad-models.ts'
import { crash } from './acts/crash.ts'
import { fly } from './acts/fly.ts'
import { improve } from './acts/improve.ts'
import { prove } from './acts/prove.ts'
import { ship } from './acts/ship.ts'
import { upstream } from './acts/upstream.ts'
import { worldChanges } from './acts/world-changes.ts'
import { playActs } from './stage/playing.ts'
import type { Act } from './stage/playing.ts'
import type { ActResult, World } from './stage/world.ts'

const ACTS: readonly Act<World>[] = [
  { title: 'Ship: from raw data to an endpoint', play: ship },
  { title: 'Fly: July through the gateway', play: fly },
  { title: 'Improve: a better model, step by step', play: improve },
  { title: 'Bad models: stopped before anyone notices', play: badModels },
  { title: 'Upstream changes: a feed changes its unit', play: upstream },
  { title: 'The world changes: retrain and compare', play: worldChanges },
  { title: 'Crash: kill -9 of the control process', play: crash },
  { title: 'Prove: made again, audited, paid', play: prove },
]

/** Plays the acts up to `last` (1 to 8). */
export function playStory(world: World, last: number): Promise<ActResult[]> {
  return playActs(ACTS.slice(0, last), world)
}
