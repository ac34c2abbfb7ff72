/** Views of the runs that are kept under a name: opened, saved, replaced, deleted. The command line knows them too. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type { searchesApi } from '../../../src/contract/tracking/searches.ts'
import { call } from '../../data/api.ts'
import { savedViews } from '../../data/runs/queries.ts'
import type { SavedView } from '../../data/runs/queries.ts'
import { fieldsOf, searchOf } from '../../data/runs/saved-searches.ts'
import type { RunsSearch } from '../../data/address.ts'
import { usePermission } from '../form/permissions.ts'
import { Menu } from '../form/menu.tsx'
import { ErrorText } from '../form/error-text.tsx'
import { Form } from '../form/form.tsx'

export interface SavedViewsProps {
  /** What the page shows now, columns included. */
  readonly search: RunsSearch
  readonly onOpen: (search: RunsSearch) => void
}

export function SavedViews({ search, onOpen }: SavedViewsProps) {
  const views = useQuery(savedViews)
  const allowed = usePermission({ verb: 'write', resource: 'runs' })
  const items = views.data?.items ?? []
  return (
    <Menu label={`Views (${items.length})`}>
      {(close) => (
        <>
          {items.length === 0 && (
            <p className="muted">A view stores the filter, order, columns and grouping under a name.</p>
          )}
          <ul>
            {items.map((view) => (
              <li key={view.id} className="row">
                <button
                  type="button"
                  className="button quiet break"
                  onClick={() => {
                    close()
                    onOpen(searchOf(view))
                  }}
                >
                  {view.name}
                </button>
                <span className="muted small">{view.owner}</span>
                {allowed && <DeleteView view={view} />}
              </li>
            ))}
          </ul>
          {allowed && <Save search={search} items={items} />}
        </>
      )}
    </Menu>
  )
}

function DeleteView({ view }: { view: SavedView }) {
  const queries = useQueryClient()
  const remove = useMutation({
    mutationFn: () => call<typeof searchesApi.remove>('DELETE', '/v1/searches/:id', { params: { id: view.id } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: savedViews.queryKey }),
  })
  return (
    <>
      <button
        type="button"
        className="button quiet"
        style={{ marginLeft: 'auto' }}
        disabled={remove.isPending}
        onClick={() => remove.mutate()}
      >
        Delete<span className="sr"> the view {view.name}</span>
      </button>
      <ErrorText error={remove.error} />
    </>
  )
}

function Save({ search, items }: { search: RunsSearch; items: readonly SavedView[] }) {
  const [name, setName] = useState('')
  const field = useId()
  const queries = useQueryClient()
  const known = items.find((view) => view.name === name.trim())
  const save = useMutation({
    mutationFn: () => {
      const fields = fieldsOf(search)
      if (known !== undefined) {
        return call<typeof searchesApi.update>('PATCH', '/v1/searches/:id', { params: { id: known.id }, body: fields })
      }
      return call<typeof searchesApi.create>('POST', '/v1/searches', { body: { name: name.trim(), ...fields } })
    },
    onSuccess: async () => {
      setName('')
      await queries.invalidateQueries({ queryKey: savedViews.queryKey })
    },
  })
  return (
    <Form onSubmit={() => save.mutate()}>
      <label htmlFor={field}>Save this view as</label>
      <div className="row">
        <input
          id={field}
          value={name}
          placeholder="best-of-week"
          onChange={(event) => setName(event.target.value)}
          style={{ flex: 1 }}
        />
        <button type="submit" className="button" disabled={name.trim() === '' || save.isPending}>
          {known === undefined ? 'Save' : 'Replace'}
        </button>
      </div>
      <ErrorText error={save.error} />
    </Form>
  )
}
