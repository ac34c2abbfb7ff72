/** From an address that the API gives to the page that shows the thing. */

const PAGES = ['runs', 'traces', 'models', 'endpoints', 'monitoring', 'incidents', 'pipelines', 'cost']

/** The page of an address; API paths are turned into their pages; undefined when no page shows it. */
export function pageOf(href: string | null | undefined): string | undefined {
  if (href === null || href === undefined || !href.startsWith('/')) return undefined
  const path = href
    .replace(/[?#].*$/, '')
    .replace(/^\/v1\//, '/')
    .replace(/^\/pipeline-runs\//, '/pipelines/')
  return PAGES.includes(path.split('/')[1] ?? '') ? path : undefined
}
