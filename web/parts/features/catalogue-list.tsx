/** The definitions of the chosen kind, or that none of them matches. */
import { useQuery } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import type { FeatureList } from '../../data/address.ts'
import { describe } from '../../data/api.ts'
import { matchesOf } from '../../data/features/find.ts'
import * as read from '../../data/features/queries.ts'
import type { Catalogue } from '../../data/features/queries.ts'
import { Panel } from '../page/page.tsx'
import { Empty } from '../page/placeholders.tsx'
import { EntityList, OnDemandList, ServiceList } from './other-lists.tsx'
import { ViewList } from './view-list.tsx'

/** Jobs that are looked through for the newest of each view. */
const JOBS = 1000

export interface CatalogueListProps {
  readonly project: string | undefined
  readonly all: Catalogue
  /** What of it holds the words. */
  readonly found: Catalogue
  readonly words: readonly string[]
}

export function CatalogueList(props: CatalogueListProps) {
  const { show } = useSearch({ from: '/features' })
  return show === undefined ? <ViewsPanel {...props} /> : <OtherPanel {...props} show={show} />
}

function ViewsPanel({ project, all, found, words }: CatalogueListProps) {
  const jobs = useQuery(read.featureJobs({ project, kind: 'materialise', limit: JOBS }))
  const note =
    jobs.error === null || jobs.data !== undefined
      ? 'each in its newest version'
      : `when they were materialised could not be loaded: ${describe(jobs.error).message}`
  return (
    <Panel title="Views" note={note} flush>
      {found.views.length === 0 ? (
        <Nothing what="feature views" words={words} />
      ) : (
        <ViewList
          project={project}
          views={found.views}
          services={all.services}
          jobs={jobs.data?.items}
          matchesOf={(view) => matchesOf(view, words)}
        />
      )}
    </Panel>
  )
}

const TITLES: Readonly<Record<FeatureList, readonly [title: string, what: string]>> = {
  services: ['Services', 'feature services'],
  'on-demand': ['On-demand features', 'on-demand features'],
  entities: ['Entities', 'entities'],
}

const LEADS: Readonly<Record<FeatureList, string>> = {
  services: 'the features of a model under one name',
  'on-demand': 'computed when they are asked for',
  entities: 'whom features are of, by their join keys',
}

function OtherPanel({ project, found, words, show }: CatalogueListProps & { show: FeatureList }) {
  const [title, what] = TITLES[show]
  const items = { services: found.services, 'on-demand': found.on_demand, entities: found.entities }[show]
  return (
    <Panel title={title} note={LEADS[show]} flush>
      {items.length === 0 ? (
        <Nothing what={what} words={words} />
      ) : show === 'services' ? (
        <ServiceList project={project} items={found.services} />
      ) : show === 'on-demand' ? (
        <OnDemandList items={found.on_demand} />
      ) : (
        <EntityList items={found.entities} />
      )}
    </Panel>
  )
}

function Nothing({ what, words }: { what: string; words: readonly string[] }) {
  return <Empty title={words.length === 0 ? `No ${what} yet` : `No ${what} match “${words.join(' ')}”`} />
}
