/** Draws components of the pages without a browser: their files are compiled as they are loaded, their queries answered from a cache. */
import { readFileSync } from 'node:fs'
import { createRequire, registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  RouterContextProvider,
} from '@tanstack/react-router'
import { createElement } from 'react'
import type { ComponentType, ReactNode } from 'react'
import { renderToStaticMarkup } from 'react-dom/server'

interface Compiler {
  transformSync(name: string, code: string, options: object): { code: string; errors: readonly { message: string }[] }
}

// the compiler of the bundler, found from the bundler
const vite = createRequire(import.meta.url).resolve('vite')
const compiler = (await import(createRequire(vite).resolve('rolldown/utils'))) as Compiler

registerHooks({
  load(url, context, nextLoad) {
    if (url.endsWith('.css')) return { format: 'module', source: '', shortCircuit: true }
    if (!url.endsWith('.tsx')) return nextLoad(url, context)
    const path = fileURLToPath(url)
    const { code, errors } = compiler.transformSync(path, readFileSync(path, 'utf8'), {
      lang: 'tsx',
      jsx: { runtime: 'automatic' },
    })
    if (errors[0] !== undefined) throw new Error(`${path}: ${errors[0].message}`)
    return { format: 'module', source: code, shortCircuit: true }
  },
})

/** Its props are not checked here, as the files of components are compiled apart. */
export type Component = ComponentType<Record<string, unknown>>

/** A component of a file below `web/parts`, `web/pages` or `web/charts`. */
export async function component(path: string, name: string): Promise<Component> {
  const module = (await import(new URL(`../../web/${path}`, import.meta.url).href)) as Record<string, Component>
  const found = module[name]
  if (found === undefined) throw new Error(`${path} exports no ${name}`)
  return found
}

export interface Surroundings {
  /** Answers of queries by their keys. */
  readonly data?: readonly (readonly [key: readonly unknown[], value: unknown])[]
  /** Queries that failed, by their keys. */
  readonly failed?: readonly (readonly [key: readonly unknown[], error: Error])[]
  /** The role of who looks; default admin. Null = not known yet. */
  readonly role?: 'viewer' | 'contributor' | 'maintainer' | 'admin' | null
  /** The address that is shown, with its parameters. */
  readonly at?: string
  /** The route of the address; default its path. */
  readonly route?: string
}

/** The HTML of a component, among the surroundings that it has on a page. */
export async function drawn(
  type: Component,
  props: Record<string, unknown>,
  around: Surroundings = {},
): Promise<string> {
  const { data = [], failed = [], role = 'admin', at = '/', route = at.split('?')[0] ?? '/' } = around
  const queries = new QueryClient({
    defaultOptions: { queries: { staleTime: Infinity, retry: false, retryOnMount: false } },
  })
  if (role !== null) queries.setQueryData(['auth', 'me'], { id: 'u', name: 'ada', role, project: null })
  for (const [key, value] of data) queries.setQueryData(key, value)
  for (const [queryKey, error] of failed) {
    queries.getQueryCache().build(queries, { queryKey }).setState({ status: 'error', error, fetchStatus: 'idle' })
  }
  const root = createRootRoute()
  const shown = createRoute({ getParentRoute: () => root, path: route })
  const router = createRouter({
    routeTree: root.addChildren([shown]),
    history: createMemoryHistory({ initialEntries: [at] }),
  })
  await router.load()
  const inside: ReactNode = createElement(type, props)
  return renderToStaticMarkup(
    createElement(
      QueryClientProvider,
      { client: queries },
      // eslint-disable-next-line react/no-children-prop -- the provider's types want its children among the props
      createElement(RouterContextProvider, { router: router as never, children: inside }),
    ),
  )
}

/** The text of some HTML as a reader sees it: marks dropped, entities read, blanks joined. */
export function textOf(html: string): string {
  const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#x27': "'" }
  return html
    .replaceAll(/<\/(?:td|th|p|div|li|h1|h2|h3|dt|dd|summary|option|button|figcaption|span)>/g, ' ')
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll(/&([^;]+);/g, (whole, name: string) => entities[name] ?? whole)
    .replaceAll(/\s+/g, ' ')
    .trim()
}

/** The HTML of a part, by its file below `web/parts` without the ending. */
export async function markupOf(
  path: string,
  name: string,
  props: Record<string, unknown>,
  around: Surroundings = {},
): Promise<string> {
  return drawn(await component(`parts/${path}.tsx`, name), props, around)
}

/** The text that a part shows. */
export async function partText(...part: Parameters<typeof markupOf>): Promise<string> {
  return textOf(await markupOf(...part))
}

/** The HTML of a page, by its file below `web/pages` without the ending. */
export async function pageMarkup(path: string, name: string, around: Surroundings): Promise<string> {
  return drawn(await component(`pages/${path}.tsx`, name), {}, around)
}
