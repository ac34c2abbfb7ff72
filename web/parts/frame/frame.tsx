/** The frame of every page: rail, top bar, search, keyboard, theme, the stream of changes. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, Outlet, useLocation, useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { listenKeys, PLACES } from '../../data/keyboard.ts'
import { followChanges } from '../../data/live.ts'
import * as read from '../../data/queries.ts'
import { nextTheme, setTheme, storedTheme } from '../../data/theme.ts'
import { Help } from './help.tsx'
import { Palette } from './palette.tsx'

export function Frame() {
  const path = useLocation({ select: (at) => at.pathname })
  return path === '/login' ? <Outlet /> : <Inside />
}

function Inside() {
  const search = useRef<HTMLDialogElement>(null)
  const help = useRef<HTMLDialogElement>(null)
  const [searching, setSearching] = useState(false)
  const navigate = useNavigate()
  const openSearch = (): void => {
    setSearching(true)
    search.current?.showModal()
  }
  useEffect(
    () =>
      listenKeys({
        go: (path) => void navigate({ to: path }),
        search: () => {
          setSearching(true)
          if (search.current?.open === false) search.current.showModal()
        },
        help: () => help.current?.showModal(),
      }),
    [navigate],
  )
  return (
    <div className="frame">
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <Rail />
      <div style={{ minWidth: 0 }}>
        <Top onSearch={openSearch} onHelp={() => help.current?.showModal()} />
        <LostNote />
        <Outlet />
      </div>
      <Palette dialog={search} open={searching} onClose={() => setSearching(false)} />
      <Help dialog={help} />
    </div>
  )
}

function Rail() {
  const incidents = useQuery(read.incidents())
  const server = useQuery(read.server)
  const open = incidents.data?.items.filter((one) => one.state !== 'resolved').length ?? 0
  return (
    <nav className="rail" aria-label="Main">
      <Link to="/" className="brand">
        <svg width="18" height="18" viewBox="0 0 16 16" aria-hidden="true">
          <path d="M1 12 15 5v3L1 15z" fill="var(--c1)" />
          <path d="M4 8.500 10 2l4 1-2 2z" fill="var(--c2)" />
        </svg>
        Slipway
      </Link>
      <ul>
        {PLACES.map(({ word, path }) => (
          <li key={path}>
            <Link to={path} activeOptions={{ exact: path === '/' }}>
              {word}
              {path === '/incidents' && open > 0 && (
                <span className="tally">
                  {open}
                  <span className="sr"> open</span>
                </span>
              )}
            </Link>
          </li>
        ))}
      </ul>
      <div className="foot">{server.data !== undefined && <span>Slipway {server.data.version}</span>}</div>
    </nav>
  )
}

function Top({ onSearch, onHelp }: { onSearch: () => void; onHelp: () => void }) {
  const me = useQuery(read.me)
  const [theme, pick] = useState(storedTheme)
  return (
    <div className="top" role="banner">
      <button type="button" className="search-button" onClick={onSearch}>
        Search <kbd>Ctrl K</kbd>
      </button>
      <div className="who">
        <button
          type="button"
          className="button quiet"
          onClick={() => {
            const next = nextTheme(theme)
            setTheme(next)
            pick(next)
          }}
        >
          {theme === 'system' ? 'Auto' : theme === 'dark' ? 'Dark' : 'Light'}
          <span className="sr"> colours, change</span>
        </button>
        <button type="button" className="button quiet" onClick={onHelp}>
          ?<span className="sr"> Keyboard help</span>
        </button>
        {me.data !== undefined && (
          <span className="name">
            {me.data.name} · {me.data.role}
          </span>
        )}
      </div>
    </div>
  )
}

/** Follows the changes and says so when the stream is lost; it comes back by itself. */
function LostNote() {
  const queries = useQueryClient()
  const [up, setUp] = useState(true)
  useEffect(() => followChanges(queries, setUp), [queries])
  return up ? null : (
    <div className="lost" role="status">
      The connection to the server is lost; what you see may be out of date. Reconnecting.
    </div>
  )
}
