/** The keyboard of every page: where `g` leads, moving between rows, the filter, help. */

/** Where `g` and a letter lead. */
export const PLACES: readonly { readonly key: string; readonly word: string; readonly path: string }[] = [
  { key: 'h', word: 'Home', path: '/' },
  { key: 'r', word: 'Runs', path: '/runs' },
  { key: 't', word: 'Traces', path: '/traces' },
  { key: 'm', word: 'Models', path: '/models' },
  { key: 'w', word: 'Prompts', path: '/prompts' },
  { key: 'd', word: 'Evaluation sets', path: '/datasets' },
  { key: 'e', word: 'Endpoints', path: '/endpoints' },
  { key: 'l', word: 'LLM', path: '/llm' },
  { key: 'o', word: 'Monitoring', path: '/monitoring' },
  { key: 'i', word: 'Incidents', path: '/incidents' },
  { key: 'p', word: 'Pipelines', path: '/pipelines' },
  { key: 'q', word: 'Queue', path: '/queue' },
  { key: 'a', word: 'Data sets', path: '/data' },
  { key: 'u', word: 'Features', path: '/features' },
  { key: 'b', word: 'Partitions', path: '/partitions' },
  { key: 'f', word: 'Triggers', path: '/triggers' },
  { key: 'y', word: 'Searches', path: '/studies' },
  { key: 'v', word: 'Reproductions', path: '/reproductions' },
  { key: 'c', word: 'Cost', path: '/cost' },
  { key: 's', word: 'Settings', path: '/settings' },
]

/** What stands beside the queue: found by the search and from there, without a letter of its own. */
export const QUEUE_PLACES: readonly { readonly word: string; readonly path: string }[] = [
  { word: 'Queue', path: '/queue' },
  { word: 'Pools', path: '/pools' },
  { word: 'Clusters', path: '/clusters' },
]

/** The pages of language models: the search finds those below the first, and each leads to the others. */
export const LLM_PLACES: readonly { readonly word: string; readonly path: string }[] = [
  { word: 'Overview', path: '/llm' },
  { word: 'Keys and budgets', path: '/llm/keys' },
  { word: 'Providers and prices', path: '/llm/providers' },
  { word: 'Playground', path: '/llm/playground' },
]

export type Act =
  | { readonly do: 'go'; readonly path: string }
  | { readonly do: 'move'; readonly by: 1 | -1 }
  | { readonly do: 'select' | 'open' | 'filter' | 'help' | 'search' | 'wait' }

export interface Stroke {
  readonly key: string
  readonly ctrl: boolean
  /** True while a text field has the focus: only Ctrl-K counts. */
  readonly typing: boolean
  /** True when the key before was `g`. */
  readonly afterG: boolean
}

/** What a key does; undefined = nothing of ours. */
export function actOf({ key, ctrl, typing, afterG }: Stroke): Act | undefined {
  if (ctrl) return key.toLowerCase() === 'k' ? { do: 'search' } : undefined
  if (typing) return undefined
  if (afterG) {
    const place = PLACES.find((one) => one.key === key)
    return place === undefined ? undefined : { do: 'go', path: place.path }
  }
  switch (key) {
    case 'g':
      return { do: 'wait' }
    case 'j':
      return { do: 'move', by: 1 }
    case 'k':
      return { do: 'move', by: -1 }
    case 'x':
      return { do: 'select' }
    case 'Enter':
      return { do: 'open' }
    case '/':
      return { do: 'filter' }
    case '?':
      return { do: 'help' }
    default:
      return undefined
  }
}

export interface KeyActions {
  go(path: string): void
  search(): void
  help(): void
}

const SEQUENCE_MS = 1200

/** Listens until the returned function is called. */
export function listenKeys(actions: KeyActions): () => void {
  let gAt = -Infinity
  const hear = (event: KeyboardEvent): void => {
    const target = event.target as HTMLElement
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && (target as HTMLInputElement).type !== 'checkbox'
    if (document.querySelector('dialog[open]') !== null && !(event.ctrlKey || event.metaKey)) return
    if (event.altKey) return
    const act = actOf({
      key: event.key,
      ctrl: event.ctrlKey || event.metaKey,
      typing,
      afterG: event.timeStamp - gAt < SEQUENCE_MS,
    })
    gAt = act?.do === 'wait' ? event.timeStamp : -Infinity
    if (act === undefined || (act.do === 'open' && !target.matches('[data-row]'))) return
    if (act.do !== 'wait') event.preventDefault()
    perform(act, actions)
  }
  document.addEventListener('keydown', hear)
  return () => document.removeEventListener('keydown', hear)
}

function perform(act: Act, actions: KeyActions): void {
  const row = document.activeElement?.closest<HTMLElement>('[data-row]') ?? null
  if (act.do === 'go') actions.go(act.path)
  else if (act.do === 'search') actions.search()
  else if (act.do === 'help') actions.help()
  else if (act.do === 'filter') document.querySelector<HTMLElement>('[data-filter]')?.focus()
  else if (act.do === 'select') row?.querySelector<HTMLElement>('input[type=checkbox]')?.click()
  else if (act.do === 'open') row?.querySelector<HTMLElement>('a')?.click()
  else if (act.do === 'move') moveRow(row, act.by)
}

function moveRow(from: HTMLElement | null, by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')]
  const next = rows[from === null ? 0 : rows.indexOf(from) + by]
  if (next === undefined) return
  next.tabIndex = -1
  next.focus()
  next.scrollIntoView({ block: 'nearest' })
}
