/** One place where steps run: whether it answers, its version, what starts and runs there, and what went wrong last. */
import type { ReactNode } from 'react'
import { count, fullSentence, NONE, plural } from '../../../src/contract/text/format.ts'
import type { DriverState } from '../../data/pipelines/queue.ts'
import { Facts, Panel } from '../page/page.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { Status } from '../page/status.tsx'

const NAMES: Readonly<Record<DriverState['name'], string>> = {
  local: 'This machine',
  ray: 'Ray',
  kubernetes: 'Kubernetes',
  slurm: 'Slurm',
  external: 'Tasks of other schedulers',
}

/** What stands in place of an answer where nobody can be asked. */
const UNASKED: Readonly<Partial<Record<DriverState['name'], string>>> = {
  local: 'steps run beside the server',
  external: 'tasks come and take steps by themselves, so nobody is asked',
}

export function DriverPanel({ driver }: { driver: DriverState }) {
  const { name, trouble, slow_starts } = driver
  return (
    <Panel title={NAMES[name]} note={<Standing driver={driver} />}>
      <Facts items={[...healthFacts(driver), ...loadFacts(driver)]} />
      {[trouble, slow_starts].map(
        (said) =>
          said !== null && (
            <p key={said} className="warn-text break">
              {fullSentence(said)}
            </p>
          ),
      )}
    </Panel>
  )
}

function Standing({ driver: { name, configured, health } }: { driver: DriverState }) {
  if (!configured) return <Status word="not configured" tone="warn" label="no longer configured" />
  if (health === null) return UNASKED[name] ?? 'says nothing of itself'
  if (health.looked_at === null) return <Status word="unasked" tone="idle" label="has not answered yet" />
  return health.ok ? (
    <Status word="answers" tone="good" label="answers and takes steps" />
  ) : (
    <Status word="away" tone="bad" label="takes no steps" />
  )
}

type Fact = readonly [string, ReactNode]

function healthFacts({ name, configured, health }: DriverState): Fact[] {
  if (!configured)
    return [['Says', `The configuration names no ${NAMES[name]} cluster; what runs there is heard to its end.`]]
  if (health === null) return []
  const { detail, version, looked_at, answered_at, failed } = health
  return [
    ['Says', fullSentence(detail)],
    ['Version', version ?? NONE],
    ['Asked last', looked_at === null ? NONE : <RelativeTime key="l" at={looked_at} />],
    [
      'All was well',
      answered_at === null ? 'never since the server started' : <RelativeTime key="a" at={answered_at} />,
    ],
    [
      'Newest trouble',
      failed === null ? (
        'none since the server started'
      ) : (
        <span key="f">
          <RelativeTime at={failed.at} />: {fullSentence(failed.detail)}
        </span>
      ),
    ],
  ]
}

function loadFacts({ name, starting, running, starting_since }: DriverState): Fact[] {
  const first = name === 'local' ? 'Starting' : 'Waiting for a machine'
  return [
    ['Running', plural(running, 'attempt')],
    [
      first,
      starting_since === null ? (
        count(starting)
      ) : (
        <span key="s">
          {count(starting)}, the first <RelativeTime at={starting_since} />
        </span>
      ),
    ],
  ]
}
