/** A materialisation as a job: the engine fills a set that answers nobody yet, and the switch to it is the end of the job. */
import { hostname } from 'node:os'
import { setImmediate as turn } from 'node:timers/promises'
import { toTime } from '../../contract/fields.ts'
import { faultPoint } from '../../store/fault.ts'
import { requireVersion } from '../definitions/require.ts'
import { runTask } from '../engine/engine.ts'
import type { Materialised } from '../offline/materialise.ts'
import { engineOptions } from './limits.ts'
import { filesOfView, pinAll, treesOf, withFiles } from './pins.ts'
import { endJob, keepOutcome, type MaterialiseAsked } from './rows.ts'
import { keepPins, type Running } from './running.ts'
import { dropStatistics } from './statistics.ts'

const NS = 1_000_000n

/** Runs a materialisation to its end. Throws what refuses it; then what answers is as it was. */
export async function runMaterialise({ context, row, held, signal }: Running): Promise<void> {
  const { project, name, version } = row
  const { until } = JSON.parse(row.request) as MaterialiseAsked
  const { definition: view, sources } = await requireVersion(context, { project, kind: 'view', name, version })
  const pins = await pinAll(context, project, { [name]: sources }, signal)
  await keepPins({ context, row, held }, pins)
  const store = context.online.store()
  const of = { project, view: name, version }
  const set = store.prepare(of, view, BigInt(context.clock()) * NS)
  faultPoint('features.begun')
  try {
    while (store.carry(set)) await turn()
    const made: Materialised = await withFiles(context.below().data.tables, treesOf(pins), (filesOf) => {
      const own = filesOfView(pins.trees[name], filesOf)
      const task = { kind: 'materialise' as const, view, sources: own, store: context.online.path, set }
      return runTask({ ...task, until: String(BigInt(until) * NS) }, engineOptions(context), signal)
    })
    faultPoint('features.filled')
    let isSwitched = false
    await held.finish(async (t) => {
      const now = context.clock()
      // what was canceled meanwhile answers nobody
      if (!(await endJob(t, row.id, { state: 'done' }, now))) return
      await dropStatistics(t, row)
      await keepOutcome(t, row.id, { ...made, until: toTime(until), host: hostname() })
      // a transaction that is tried again has switched already
      if (isSwitched) return
      store.switchTo(set, of, { horizon: BigInt(until) * NS, now: BigInt(now) * NS })
      isSwitched = true
      faultPoint('features.switched')
    })
  } finally {
    // one that answers by now is no more to be given up
    store.giveUp(set)
  }
}
