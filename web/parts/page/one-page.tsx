/** A page about one thing that is read: it has its general title until it is there, and then its own. */
import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Page } from './page.tsx'
import type { PageProps } from './page.tsx'
import { Loaded } from './placeholders.tsx'

export interface OnePageProps<T> extends Pick<PageProps, 'title' | 'crumbs'> {
  readonly query: UseQueryResult<T>
  /** What is read, for the sentence of a failure: `The run`; by default the title. */
  readonly what?: string
  /** Height of the skeleton in px. */
  readonly height?: number
  /** The head of the page, once the thing is there. */
  readonly head: (one: T) => Omit<PageProps, 'children' | 'crumbs'>
  readonly children: (one: T) => ReactNode
}

export function OnePage<T>(props: OnePageProps<T>) {
  const { title, crumbs, query, height = 520, head, children } = props
  const { what = `The ${title.toLowerCase()}` } = props
  return (
    <Page title={title} crumbs={crumbs} {...(query.data !== undefined && head(query.data))}>
      <Loaded query={query} what={what} height={height}>
        {children}
      </Loaded>
    </Page>
  )
}
