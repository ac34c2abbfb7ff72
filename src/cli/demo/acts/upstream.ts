/** Act 5: feeds change their unit without a word; the monitor pages, names the cause and marks the rows; both heal. */
import { DAY_MS, HOUR_MS } from '../../../contract/ids.ts'
import { monitoringApi } from '../../../contract/monitoring.ts'
import { celsius, kilometres } from '../stage/table.ts'
import type { Fault } from '../stage/table.ts'
import { caughtUp, ENDPOINT, flightsOf, incidents, send } from '../stage/world.ts'
import type { Incident, Notebook, World } from '../stage/world.ts'
import { day } from './fly.ts'

/** When the first feed changes. */
const CHANGED = day(9, 12) + 9 * HOUR_MS

export async function upstream(world: World, notes: Notebook): Promise<void> {
  await cleanMonths(world, notes)
  const first = await change(world, notes, {
    name: 'temperature and dew point in °C',
    from: CHANGED,
    fault: celsius,
    end: day(9, 18),
  })
  judge(notes, first, { cause: [/°F → °C/, /temp/, /dewp/], severity: 'high' })
  await marked(world, notes, first)
  const second = await change(world, notes, {
    name: 'distance in km',
    from: day(9, 23) + 9 * HOUR_MS,
    fault: kilometres,
    end: day(10, 1),
  })
  judge(notes, second, { cause: [/mi → km/], severity: 'low' })
  await cleanPages(world, notes)
  if (first !== undefined) notes.link(`${world.client.url}/incidents/${first.id}`)
}

function judge(notes: Notebook, incident: Incident | undefined, want: { cause: RegExp[]; severity: string }): void {
  const title = incident?.title ?? 'none'
  notes.check(
    'first cause',
    title,
    want.cause.every((one) => one.test(title)),
  )
  notes.check('severity', incident?.severity ?? 'none', incident?.severity === want.severity)
}

/** July to the change, without any fault. */
async function cleanMonths(world: World, notes: Notebook): Promise<void> {
  await send(world, flightsOf(world, world.clock + 1, CHANGED))
  await caughtUp(world, world.clock)
  const told = (await incidents(world)).filter(
    (one) => one.kind === 'drift' && Date.parse(one.opened_event_time) < day(9, 12),
  )
  const nulls = told.find((one) => Math.abs(Date.parse(one.began_event_time) - day(8, 22)) < 36 * HOUR_MS)
  const named = nulls?.causes.map((one) => one.title).join('; ') ?? 'not told'
  notes.check('22 August', named, /missing/.test(named))
}

/**
 * The pages of the months without a fault, counted at the end of the act: what is found late counts too, of whatever kind and for a real event, and at most
 * one a month is allowed.
 */
async function cleanPages(world: World, notes: Notebook): Promise<void> {
  const pages = (await incidents(world)).filter((one) => one.pages && Date.parse(one.opened_event_time) < CHANGED)
  const months = (CHANGED - day(7, 1)) / (30 * DAY_MS)
  const titles = pages.map((one) => `${one.opened_event_time.slice(5, 10)} ${one.title}`).join('; ')
  notes.check(
    'pages on clean traffic',
    `${pages.length} in ${months.toFixed(1)} months${titles === '' ? '' : `: ${titles}`}`,
    pages.length <= months,
  )
}

/** Event hours from the page until the feed is mended. */
const MEND_HOURS = 3

interface Change {
  readonly name: string
  readonly from: number
  readonly fault: Fault
  readonly end: number
}

/** Sends changed rows until the incident is there, then mended rows until it is resolved. */
async function change(world: World, notes: Notebook, wish: Change): Promise<Incident | undefined> {
  await send(world, flightsOf(world, world.clock + 1, wish.from))
  const known = new Set((await incidents(world)).map((one) => one.id))
  let found: Incident | undefined
  let rows = 0
  const changed = flightsOf(world, wish.from, wish.end)
  await send(world, changed, {
    fault: wish.fault,
    hour: async (eventTime, sent) => {
      await caughtUp(world, eventTime)
      if (found === undefined) rows = sent
      found ??= (await incidents(world)).find((one) => !known.has(one.id) && one.kind === 'drift')
      // people need a moment to mend a feed
      const opened = found === undefined ? Infinity : Date.parse(found.opened_event_time)
      return eventTime > opened + MEND_HOURS * HOUR_MS || eventTime > wish.from + 24 * HOUR_MS
    },
  })
  const delay = found === undefined ? Number.NaN : (Date.parse(found.opened_event_time) - wish.from) / HOUR_MS
  notes.check(
    wish.name,
    found === undefined ? 'not noticed' : `noticed after ${delay.toFixed(1)} h of event time, ${rows} rows`,
    delay <= 6.5,
  )
  if (found === undefined) return undefined
  return mend(world, notes, found, wish.end)
}

async function mend(world: World, notes: Notebook, incident: Incident, end: number): Promise<Incident> {
  const open = incident
  let state = incident
  await send(world, flightsOf(world, world.clock + 1, end), {
    hour: async (eventTime) => {
      await caughtUp(world, eventTime)
      state = await world.client.call(monitoringApi.getIncident, { params: { id: open.id } })
      return state.state === 'resolved'
    },
  })
  const healed =
    state.resolved_event_time === null ? 'still open' : `resolved at ${state.resolved_event_time.slice(0, 16)}`
  notes.check('feed mended', healed, state.state === 'resolved')
  return state
}

async function marked(world: World, notes: Notebook, incident: Incident | undefined): Promise<void> {
  const bad = await world.client.call(monitoringApi.badRows, { params: { name: ENDPOINT } })
  const mine = bad.ranges.some((range) => range.incident_id === incident?.id)
  notes.check('rows marked bad', `${bad.prediction_ids.length} predictions`, mine && bad.prediction_ids.length > 0)
}
