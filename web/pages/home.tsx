/** Home: what needs me now, how each endpoint is, what changed today; on an empty server, the commands that begin. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { isRouteUnknown } from '../data/api.ts'
import { plural } from '../../src/contract/text/format.ts'
import { imageNeeds, needs, qualityNeeds } from '../../src/contract/needs/needs.ts'
import type { Need } from '../../src/contract/needs/needs.ts'
import { recentChanges } from '../data/feed.ts'
import type { Change } from '../data/feed.ts'
import { Empty, Failure, Loaded, Loading } from '../parts/page/placeholders.tsx'
import { HealthTable } from '../parts/endpoints/health.tsx'
import { Page, Panel } from '../parts/page/page.tsx'
import { Status } from '../parts/page/status.tsx'
import { MergeTimesPanel } from '../parts/merges/merge-times.tsx'
import { StepQueuePanel } from '../parts/pipeline-run/step-queue.tsx'
import { useNow, RelativeTime } from '../parts/page/relative-time.tsx'
import { queueNeeds } from '../../src/contract/needs/queue.ts'
import { storageNeeds } from '../../src/contract/needs/storage.ts'
import * as read from '../data/queries.ts'

/** Changes that Home lists. */
const SHOWN = 12

const BEGIN = ['./slipway demo', './slipway init my-project', 'cd my-project && slipway ship']

export function HomePage() {
  const endpoints = useQuery(read.endpoints)
  const { waiting, from, failed, storage, faults, cut, parts } = useFeed()
  const now = useNow()
  const nothing = from.pipelineRuns.length === 0 && from.any.length === 0
  const changes = recentChanges(now, from, SHOWN + 1)
  // its panel says so where it cannot be read
  const queue = useQuery(read.stepQueue).data
  const open = [
    ...storageNeeds(storage, now),
    ...queueNeeds(queue, now),
    ...imageNeeds(faults),
    ...needs(now, from),
    ...qualityNeeds(endpoints.data?.items ?? []),
  ]
  // what could not be read is not said to be nothing
  const known = !waiting && failed.length === 0
  if (known && nothing && endpoints.data?.items.length === 0) return <Begin />
  return (
    <Page title="Home" {...((known || open.length > 0) && { lead: leadOf(open, cut) })}>
      <Panel title="Needs attention" flush>
        {failed.map((query) => (
          <Failure key={query.what} what={query.what} error={query.error} retry={() => void query.refetch()} />
        ))}
        {waiting ? <Loading height={96} /> : (known || open.length > 0) && <Needs items={open} />}
      </Panel>
      <Panel title="Endpoints" note="the last minute" flush>
        <Loaded query={endpoints} what="The endpoints" height={120}>
          {({ items }) => <HealthTable endpoints={items} incidents={from.incidents} />}
        </Loaded>
      </Panel>
      <MergeTimesPanel />
      <StepQueuePanel />
      <Panel title="Last 24 hours" flush {...noteOf(changes.length > SHOWN, parts)}>
        <Changes items={changes.slice(0, SHOWN)} known={known} />
      </Panel>
    </Page>
  )
}

/** Everything that Home joins; a part that failed is empty and named. */
function useFeed() {
  const incidents = useQuery(read.incidents())
  const rollouts = useQuery(read.rollouts())
  const open = useQuery(read.openRollouts)
  const pipelineRuns = useQuery(read.pipelineRuns())
  const newest = useQuery(read.newestPipelineRuns)
  const runs = useQuery(read.failedRuns)
  const any = useQuery(read.recentRuns)
  const storage = useQuery(read.storage)
  const environments = useQuery(read.environments)
  const parts = [
    { ...incidents, what: 'The incidents' },
    { ...rollouts, what: 'The rollouts' },
    { ...open, what: 'The rollouts that are under way' },
    { ...pipelineRuns, what: 'The pipeline runs' },
    { ...newest, what: 'The newest run of each project' },
    { ...runs, what: 'The failed runs' },
    { ...any, what: 'The runs' },
    { ...environments, what: 'The environments of images' },
  ]
  return {
    waiting: parts.some((query) => query.isPending),
    storage: storage.data,
    faults: environments.data?.faults ?? [],
    // open ones come first: behind a page that ends with one there are more
    cut: [
      ...(itemsOf(incidents).at(-1)?.state === 'resolved' ? [] : cutOf(incidents, 'open incidents')),
      ...cutOf(newest, 'projects'),
    ],
    // failed runs come by their end: behind more of them than are shown nothing is missing
    parts: [...cutOf(incidents, 'incidents'), ...cutOf(rollouts, 'rollouts'), ...cutOf(pipelineRuns, 'pipeline runs')],
    failed: [...parts, { ...storage, what: 'The state of the store' }].filter(
      (query) => query.isError && !isRouteUnknown(query.error),
    ),
    from: {
      incidents: itemsOf(incidents),
      rollouts: joined(itemsOf(open), itemsOf(rollouts)),
      pipelineRuns: itemsOf(pipelineRuns),
      newest: itemsOf(newest),
      runs: itemsOf(runs),
      any: itemsOf(any),
    },
  }
}

interface PageOf {
  readonly items: readonly unknown[]
  readonly next_page_token?: string | undefined
}

/** How many were read of a list that goes on behind them; nothing where it does not. */
function cutOf({ data }: { data?: PageOf | undefined }, name: string): string[] {
  return data?.next_page_token === undefined ? [] : [`${data.items.length} ${name}`]
}

function itemsOf<T>({ data }: { data?: { readonly items: readonly T[] } | undefined }): readonly T[] {
  return data?.items ?? []
}

/** Each once, the newest first. */
function joined(open: readonly read.Rollout[], newest: readonly read.Rollout[]): read.Rollout[] {
  const known = new Set(newest.map(({ id }) => id))
  return [...newest, ...open.filter(({ id }) => !known.has(id))]
}

function leadOf(open: readonly Need[], cut: readonly string[]): string {
  if (cut.length > 0)
    return `At least ${plural(open.length, 'item')} ${open.length === 1 ? 'needs' : 'need'} attention: only the newest ${cut.join(' and ')} are read here.`
  return open.length === 0
    ? 'Nothing needs attention.'
    : `${plural(open.length, 'item')} ${open.length === 1 ? 'needs' : 'need'} attention.`
}

/** What the list of changes leaves out: those behind the last one, and those of older things. */
function noteOf(isCut: boolean, parts: readonly string[]): { note?: string } {
  const said = [
    ...(isCut ? [`the newest ${SHOWN}`] : []),
    ...(parts.length > 0 ? [`of the newest ${parts.join(' and ')}`] : []),
  ]
  return said.length === 0 ? {} : { note: said.join(', ') }
}

function Begin() {
  return (
    <Page title="Home" lead="Nothing has run here yet.">
      <Panel title="Get started" flush>
        <Empty title="Take a model to production" commands={BEGIN}>
          This page will show what needs attention (open incidents, rollouts that wait for a decision, failed runs) and
          the health of each endpoint. Run the demo to see it filled, or start with your own training code:
        </Empty>
      </Panel>
    </Page>
  )
}

function Needs({ items }: { items: readonly Need[] }) {
  if (items.length === 0)
    return (
      <Empty title="Nothing needs attention">
        No open incidents, no rollouts waiting for a decision, no failed pipelines in the last day.
      </Empty>
    )
  return (
    <ul className="needs">
      {items.map((need) => (
        <li key={need.key} data-row>
          <Status word={need.status} />
          <div className="what">
            <strong className="break">{need.title}</strong>
            <div className="muted small break">
              {need.detail} · <RelativeTime at={need.at} />
            </div>
          </div>
          <Link to={need.path} className="button">
            {need.act}
          </Link>
        </li>
      ))}
    </ul>
  )
}

function Changes({ items, known }: { items: readonly Change[]; known: boolean }) {
  if (items.length === 0) return known ? <Empty title="Nothing changed in the last 24 hours" /> : null
  return (
    <ul className="changes">
      {items.map((one) => (
        <li key={one.key} data-row>
          <Status word={one.status} />
          <Link to={one.path} className="break">
            {one.text}
          </Link>
          <span className="muted">
            <RelativeTime at={one.at} />
          </span>
        </li>
      ))}
    </ul>
  )
}
