/** What a catalogue has of each kind, each a tab whose choice is in the address. */
import { Link, useSearch } from '@tanstack/react-router'
import type { FeatureList } from '../../data/address.ts'
import type { Catalogue } from '../../data/features/queries.ts'

const TABS: readonly (readonly [word: string, of: keyof Catalogue, show: FeatureList | undefined])[] = [
  ['Views', 'views', undefined],
  ['Services', 'services', 'services'],
  ['On demand', 'on_demand', 'on-demand'],
  ['Entities', 'entities', 'entities'],
]

/** `found`: what is counted. */
export function CatalogueTabs({ found }: { found: Catalogue }) {
  const search = useSearch({ from: '/features' })
  return (
    <nav className="tabs" aria-label="Kinds of definitions">
      {TABS.map(([word, of, show]) => (
        <Link
          key={word}
          to="/features"
          search={{ ...search, show }}
          activeOptions={{ exact: true }}
          resetScroll={false}
        >
          {word} <span className="muted">{found[of].length}</span>
        </Link>
      ))}
    </nav>
  )
}
