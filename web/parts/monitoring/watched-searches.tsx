/** Saved searches of runs that an endpoint's monitor watches: added, taken away. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useId, useState } from 'react'
import type { monitoringApi, MonitorSettings, WatchedSearch } from '../../../src/contract/monitoring.ts'
import { call } from '../../data/api.ts'
import * as read from '../../data/queries.ts'
import { savedViews } from '../../data/runs/queries.ts'
import type { SavedView } from '../../data/runs/queries.ts'
import { searchOf } from '../../data/runs/saved-searches.ts'
import { usePermission } from '../form/permissions.ts'
import { Panel } from '../page/page.tsx'
import { ErrorText } from '../form/error-text.tsx'
import { Form } from '../form/form.tsx'

export interface WatchedSearchesProps {
  readonly endpoint: string
  readonly settings: MonitorSettings
}

export function WatchedSearches({ endpoint, settings }: WatchedSearchesProps) {
  const views = useQuery(savedViews)
  const queries = useQueryClient()
  const allowed = usePermission({ verb: 'write', resource: 'monitors' })
  const set = useMutation({
    mutationFn: (searches: readonly WatchedSearch[]) =>
      call<typeof monitoringApi.putMonitor>('PUT', '/v1/endpoints/:name/monitor', {
        params: { name: endpoint },
        body: { ...settings, searches: [...searches] },
      }),
    onSuccess: () => queries.invalidateQueries({ queryKey: read.monitor(endpoint).queryKey }),
  })
  const saved = views.data?.items ?? []
  const watched = settings.searches
  return (
    <Panel title="Watched searches" note="an incident opens when a saved search finds more runs than allowed">
      {watched.length === 0 && <p className="muted">No saved search is watched.</p>}
      <ul>
        {watched.map((watch) => {
          const view = saved.find((one) => isOf(watch, one))
          return (
            <li key={watch.search} className="row">
              {view === undefined ? (
                <span className="break">{watch.search}</span>
              ) : (
                <Link to="/runs" search={searchOf(view)} className="break">
                  {view.name}
                </Link>
              )}
              <span className="muted small">
                at most {watch.more_than} {watch.more_than === 1 ? 'run' : 'runs'}
              </span>
              {allowed && (
                <button
                  type="button"
                  className="button quiet"
                  disabled={set.isPending}
                  onClick={() => set.mutate(watched.filter((one) => one !== watch))}
                >
                  Stop watching<span className="sr"> {view?.name ?? watch.search}</span>
                </button>
              )}
            </li>
          )
        })}
      </ul>
      {allowed && (
        <Watch
          names={saved.filter((view) => !watched.some((one) => isOf(one, view))).map((view) => view.name)}
          busy={set.isPending}
          onWatch={(watch, done) => set.mutate([...watched, watch], { onSuccess: done })}
        />
      )}
      <ErrorText error={set.error} />
    </Panel>
  )
}

/** Whether it is this saved search that is watched; it may be named by its id. */
function isOf({ search }: WatchedSearch, { id, name }: SavedView): boolean {
  return search === id || search === name
}

interface WatchProps {
  readonly names: readonly string[]
  readonly busy: boolean
  /** `done` is called once the server has taken it: what was typed stays until then, and after a refusal. */
  readonly onWatch: (watch: WatchedSearch, done: () => void) => void
}

function Watch({ names, busy, onWatch }: WatchProps) {
  const [search, setSearch] = useState('')
  const [most, setMost] = useState('0')
  const fields = { search: useId(), most: useId() }
  const moreThan = Number(most)
  const sound = search !== '' && most !== '' && Number.isInteger(moreThan) && moreThan >= 0 && moreThan <= 1000
  return (
    <Form className="row" onSubmit={() => onWatch({ search, more_than: moreThan }, () => setSearch(''))}>
      <label htmlFor={fields.search}>Saved search</label>
      <select id={fields.search} value={search} onChange={(event) => setSearch(event.target.value)}>
        <option value="">Choose one</option>
        {names.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <label htmlFor={fields.most}>may find at most</label>
      <input
        id={fields.most}
        type="number"
        min={0}
        max={1000}
        value={most}
        onChange={(event) => setMost(event.target.value)}
        style={{ width: '6rem' }}
      />
      <span>runs</span>
      <button type="submit" className="button" disabled={!sound || busy}>
        Watch
      </button>
    </Form>
  )
}
