/** What stands where data is not: a skeleton of its size, an explained failure with retry, an empty place with its commands. */
import type { UseQueryResult } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { describe, isRouteUnknown } from '../../data/api.ts'
import { Command } from './command.tsx'
import { Page } from './page.tsx'

/** A failure in words, with the request id to quote and a way to try again. */
export function Failure({ what, error, retry }: { what: string; error: unknown; retry?: () => void }) {
  const { message, help, requestId } = describe(error)
  return (
    <div className="failure" role="alert">
      <strong>{what} could not be loaded</strong>
      <span className="break">{message}</span>
      {help !== '' && <span className="muted">{help}</span>}
      {requestId !== '' && (
        <span className="muted small">
          Request <code>{requestId}</code>
        </span>
      )}
      {retry && (
        <button type="button" className="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

/** An empty place: what it is for, and the commands that fill it. */
export function Empty({
  title,
  commands = [],
  children,
}: {
  title: string
  commands?: string[]
  children?: ReactNode
}) {
  return (
    <div className="empty">
      <strong>{title}</strong>
      {children !== undefined && <span>{children}</span>}
      {commands.map((command) => (
        <Command key={command} text={command} />
      ))}
    </div>
  )
}

/** A grey area of the size of what will come. `height` in px. */
export function Skeleton({ height }: { height: number }) {
  return <div className="skeleton" style={{ height }} aria-hidden="true" />
}

/** A skeleton that says it waits. */
export function Loading({ height }: { height: number }) {
  return (
    <div style={{ padding: 12 }}>
      <span className="sr" role="status">
        Loading
      </span>
      <Skeleton height={height} />
    </div>
  )
}

export interface LoadedProps<T> {
  readonly query: UseQueryResult<T>
  /** What is read, for the sentence of a failure: `The runs`. */
  readonly what: string
  /** Height of the skeleton in px. */
  readonly height: number
  readonly children: (data: T) => ReactNode
}

/** Shows a query's data, or its skeleton, or its failure. Data that was read once stays while it is read again. */
export function Loaded<T>({ query, what, height, children }: LoadedProps<T>) {
  if (query.data !== undefined) return children(query.data)
  if (query.error === null) return <Loading height={height} />
  if (isRouteUnknown(query.error))
    return <Empty title={`This server does not offer ${what.charAt(0).toLowerCase()}${what.slice(1)}`} />
  return <Failure what={what} error={query.error} retry={() => void query.refetch()} />
}

/** Shown instead of a page that failed to draw or to load. */
export function PageFailure({ error, reset }: { error: unknown; reset?: () => void }) {
  return (
    <Page title="This page failed">
      <div className="panel">
        <Failure what="The page" error={error} retry={() => (reset ? reset() : location.reload())} />
      </div>
    </Page>
  )
}

/** Shown for an address that names no page. */
export function Missing() {
  return (
    <Page title="No such page">
      <p className="lead">
        There is no page at this address. <Link to="/">Home</Link> shows what needs attention.
      </p>
    </Page>
  )
}
