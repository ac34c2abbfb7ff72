/** The shape of every page: where it is, its title, what it offers; and the panels on it. */
import { useEffect } from 'react'
import type { ReactNode } from 'react'

export interface PageProps {
  readonly title: string
  /** Links to what this page is part of. */
  readonly crumbs?: ReactNode
  /** One line under the title. */
  readonly lead?: ReactNode
  readonly actions?: ReactNode
  /** Beside the title: status and tags. */
  readonly beside?: ReactNode
  readonly children: ReactNode
}

export function Page({ title, crumbs, lead, actions, beside, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Slipway`
  }, [title])
  return (
    <main className="page" id="main">
      <header>
        <div style={{ minWidth: 0 }}>
          {crumbs !== undefined && <div className="crumbs">{crumbs}</div>}
          <div className="row">
            <h1>{title}</h1>
            {beside}
          </div>
          {lead !== undefined && <div className="lead">{lead}</div>}
        </div>
        {actions !== undefined && <div className="actions">{actions}</div>}
      </header>
      {children}
    </main>
  )
}

export interface PanelProps {
  readonly title: string
  readonly note?: ReactNode
  readonly tools?: ReactNode
  /** True for tables and lists that reach the panel's edge and scroll sideways by themselves. */
  readonly flush?: boolean
  /** True for content that scrolls inside the panel instead of making the page long. */
  readonly long?: boolean
  readonly children: ReactNode
}

export function Panel({ title, note, tools, flush = false, long = false, children }: PanelProps) {
  const shape = `${flush ? 'flush' : 'body'}${long ? ' long' : ''}`
  return (
    <section className="panel">
      <header>
        <h2>{title}</h2>
        {note !== undefined && <span className="note">{note}</span>}
        {tools !== undefined && tools !== false && <div className="tools">{tools}</div>}
      </header>
      {flush || long ? (
        <Scroll label={title} className={shape}>
          {children}
        </Scroll>
      ) : (
        <div className={shape}>{children}</div>
      )}
    </section>
  )
}

/** An area that scrolls sideways, reachable by keyboard. */
export function Scroll({
  label,
  className = 'flush',
  children,
}: {
  label: string
  className?: string
  children: ReactNode
}) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard
    <div className={className} tabIndex={0} role="group" aria-label={label}>
      {children}
    </div>
  )
}

/** Terms and their values. */
export function Facts({ items }: { items: readonly (readonly [term: string, value: ReactNode])[] }) {
  return (
    <dl className="facts">
      {items.map(([term, value]) => (
        <FactRow key={term} term={term} value={value} />
      ))}
    </dl>
  )
}

function FactRow({ term, value }: { term: string; value: ReactNode }) {
  return (
    <>
      <dt>{term}</dt>
      <dd>{value}</dd>
    </>
  )
}

/** A few large figures, each with its unit or sample below the term. */
export function Figures({ items }: { items: readonly (readonly [term: string, value: ReactNode, note?: string])[] }) {
  return (
    <dl className="figures">
      {items.map(([term, value, note]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>
            {value} {note !== undefined && <small>{note}</small>}
          </dd>
        </div>
      ))}
    </dl>
  )
}
