/** The way to the first call of a language model, and what of the set-up and of the server is off. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { faultsOf, stepsOf, troublesOf } from '../../data/llm/standing.ts'
import * as llm from '../../data/llm/queries.ts'
import * as read from '../../data/queries.ts'
import { Command } from '../page/command.tsx'
import { Panel } from '../page/page.tsx'
import { Empty, Loading } from '../page/placeholders.tsx'
import { Status } from '../page/status.tsx'

/** More faults than these are counted. */
const SHOWN = 4

/** What of the set-up is off; undefined until it is read, so that nothing moves when it is. */
export function useSetUp(): { readonly faults: readonly string[] } | undefined {
  const [providers, endpoints, prices] = [
    useQuery(llm.llmProviders),
    useQuery(llm.llmEndpoints),
    useQuery(llm.llmPrices),
  ]
  const lists = [providers, endpoints, prices]
  if (providers.data !== undefined && endpoints.data !== undefined && prices.data !== undefined)
    return {
      faults: faultsOf({ providers: providers.data.items, endpoints: endpoints.data.items, prices: prices.data.items }),
    }
  const isFailed = lists.some(({ data, error }) => data === undefined && error !== null)
  return isFailed ? { faults: ['Whether all is set up could not be read.'] } : undefined
}

/** Nothing where all is well. */
export function Faults({ faults }: { faults: readonly string[] }) {
  if (faults.length === 0) return null
  return (
    <div className="notice" role="status">
      <ul className="stack break" style={{ gap: 4 }}>
        {faults.slice(0, SHOWN).map((fault) => (
          <li key={fault}>{fault}</li>
        ))}
        {faults.length > SHOWN && <li>And {faults.length - SHOWN} more.</li>}
      </ul>
      <p>
        <Link to="/llm/providers">Providers and prices</Link>
      </p>
    </div>
  )
}

/** What on the server fails that no call tells of; nothing where all is well, or while that is not known. */
export function StateStrip() {
  const { data, error } = useQuery(llm.llmState)
  const unread = data === undefined && error !== null
  const troubles = data === undefined ? [] : troublesOf(data)
  if (troubles.length === 0 && !unread) return null
  return (
    <div className="notice" role="status">
      <ul className="stack break" style={{ gap: 4 }}>
        {unread && <li>Whether budgets, settings, retention and the log are well could not be read.</li>}
        {troubles.map((trouble) => (
          <li key={trouble}>{trouble}</li>
        ))}
      </ul>
    </div>
  )
}

/** Stands where no call is: the steps to the first, or what one is made with. */
export function SetUp({ range }: { range: string }) {
  const [providers, endpoints, keys] = [useQuery(llm.llmProviders), useQuery(llm.llmEndpoints), useQuery(llm.llmKeys)]
  const server = useQuery(read.server)
  if (providers.data === undefined || endpoints.data === undefined) {
    if (providers.error === null && endpoints.error === null) return <Loading height={260} />
    return <Empty title={`No calls in ${range}`}>What is set up could not be read.</Empty>
  }
  const gateway = server.data?.gateway_url ?? ''
  const steps = stepsOf({
    providers: providers.data.items,
    endpoints: endpoints.data.items,
    keys: keys.data?.items.length ?? 0,
    gateway,
  })
  const open = steps.filter(({ done }) => !done).length
  return (
    <Panel
      title={open === 1 ? `No calls in ${range}` : 'No language models yet'}
      note={open === 1 ? 'all is set up; this makes one' : `${open} steps to the first call`}
    >
      <p className="muted">
        Programs call language models through Slipway with keys of their own: limits and budgets hold, every call is
        counted, priced and traced, and the key of the provider stays here.
      </p>
      <ol className="stack">
        {steps.map(({ title, command, done }, at) => (
          <li key={title} className="stack" style={{ gap: 4 }}>
            <span className="row">
              <span className={done ? 'muted' : 'strong'}>
                {at + 1}. {title}
              </span>
              {done && <Status word="done" />}
            </span>
            {!done && <Command text={command} />}
          </li>
        ))}
      </ol>
      {server.data !== undefined && gateway === '' && (
        <p className="warn-text">This server runs without a gateway, so that nothing answers a call.</p>
      )}
    </Panel>
  )
}
