/** Search over everything: runs, models, endpoints, incidents, pipeline runs, features, pages. Opened by Ctrl-K or Cmd-K. */
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useId, useState } from 'react'
import type { KeyboardEvent, RefObject } from 'react'
import { matching, type Findable } from '../../data/matches.ts'
import { catalogue } from '../../data/features/queries.ts'
import { LLM_PLACES, PLACES, QUEUE_PLACES } from '../../data/keyboard.ts'
import { prompts } from '../../data/models/prompts.ts'
import * as read from '../../data/queries.ts'
import type { RunRow } from '../../data/queries.ts'

/** Letters from which on the server is asked for runs that are called like that. */
const LETTERS = 3
const PAUSE_MS = 200

const PAGES = [
  ...PLACES,
  ...[...QUEUE_PLACES, ...LLM_PLACES].filter(({ path }) => PLACES.every((place) => place.path !== path)),
  { word: 'Look up an entity', path: '/features/look-up' },
]

/** Everything that may be found, from what the pages read anyway; runs of any age by the server. */
function useFindable(open: boolean, text: string): Findable[] {
  const enabled = open
  const sought = useSettled(text.trim(), PAUSE_MS)
  const older = useQuery({ ...read.runsCalled(sought), enabled: open && sought.length >= LETTERS })
  const listed = useQuery({ ...prompts, enabled })
  const models = useQuery({ ...read.models, enabled })
  const endpoints = useQuery({ ...read.endpoints, enabled })
  const incidents = useQuery({ ...read.incidents(), enabled })
  const pipelines = useQuery({ ...read.pipelineRuns(), enabled })
  const runs = useQuery({ ...read.recentRuns, enabled })
  const features = useQuery({ ...catalogue(undefined), enabled })
  return [
    ...PAGES.map(({ word, path }) => ({ kind: 'page', label: word, path })),
    ...itemsOf(endpoints).map((one) => ({ kind: 'endpoint', label: one.name, path: `/endpoints/${one.name}` })),
    ...itemsOf(endpoints).map((one) => ({
      kind: 'monitor',
      label: `Monitoring of ${one.name}`,
      path: `/monitoring/${one.name}`,
    })),
    ...itemsOf(models).map((one) => ({
      kind: 'model',
      label: one.name,
      path: `/models/${encodeURIComponent(one.name)}`,
    })),
    ...itemsOf(incidents).map((one) => ({ kind: 'incident', label: one.title, path: `/incidents/${one.id}` })),
    ...itemsOf(pipelines).map((one) => ({
      kind: 'pipeline',
      label: `${one.project} · ${one.id} · ${one.message}`,
      path: `/pipelines/${one.id}`,
    })),
    ...itemsOf(listed).map((one) => ({
      kind: 'prompt',
      label: one.name,
      path: `/prompts/${encodeURIComponent(one.name)}`,
    })),
    ...(features.data?.views ?? []).map(({ name }) => ({
      kind: 'view',
      label: name,
      path: `/features/views/${name}`,
    })),
    ...(features.data?.services ?? []).map(({ name }) => ({
      kind: 'service',
      label: name,
      path: `/features/services/${name}`,
    })),
    ...joined(itemsOf(runs), itemsOf(older)).map((one) => ({
      kind: 'run',
      label: `${one.name} · ${one.id}`,
      path: `/runs/${one.id}`,
    })),
  ]
}

function itemsOf<T>({ data }: { data: { items: readonly T[] } | undefined }): readonly T[] {
  return data?.items ?? []
}

/** Runs of both lists, each once. */
function joined(newest: readonly RunRow[], found: readonly RunRow[]): RunRow[] {
  return [...new Map([...newest, ...found].map((run) => [run.id, run])).values()]
}

/** A text once it has rested. */
function useSettled(text: string, ms: number): string {
  const [settled, settle] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => settle(text), ms)
    return () => clearTimeout(timer)
  }, [text, ms])
  return settled
}

export interface PaletteProps {
  readonly dialog: RefObject<HTMLDialogElement | null>
  readonly open: boolean
  readonly onClose: () => void
}

export function Palette({ dialog, open, onClose }: PaletteProps) {
  const [text, setText] = useState('')
  const [place, setPlace] = useState(0)
  const navigate = useNavigate()
  const list = useId()
  const all = useFindable(open, text)
  const found = open ? matching(all, text) : []
  const chosen = Math.min(place, found.length - 1)
  const go = (path: string | undefined): void => {
    if (path === undefined) return
    dialog.current?.close()
    void navigate({ to: path })
  }
  const onKey = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step !== 0) setPlace(Math.max(0, Math.min(found.length - 1, chosen + step)))
    else if (event.key === 'Enter') go(found[chosen]?.path)
    else return
    event.preventDefault()
  }
  return (
    <dialog
      ref={dialog}
      className="search"
      aria-label="Search"
      onClose={() => {
        setText('')
        setPlace(0)
        // the event comes a moment after the end: by then it may have been opened again
        if (dialog.current?.open !== true) onClose()
      }}
    >
      <input
        role="combobox"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={chosen >= 0 ? `${list}-${chosen}` : undefined}
        aria-label="Search runs, models, endpoints, incidents, pipelines and pages"
        placeholder="Search runs, models, endpoints, incidents"
        value={text}
        onChange={(event) => {
          setText(event.target.value)
          setPlace(0)
        }}
        onKeyDown={onKey}
      />
      <div role="listbox" id={list} aria-label="Results">
        {found.map((one, i) => (
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the field above has the keys of the list
          <div
            key={`${one.kind} ${one.path}`}
            id={`${list}-${i}`}
            role="option"
            tabIndex={-1}
            aria-selected={i === chosen}
            onClick={() => go(one.path)}
          >
            <span>{one.kind}</span>
            <span className="break">{one.label}</span>
          </div>
        ))}
      </div>
      {open && found.length === 0 && <p className="empty">Nothing matches.</p>}
    </dialog>
  )
}
