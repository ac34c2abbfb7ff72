/** Features: the views, services, on-demand features and entities of a project, and what is found among them. */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import '../../css/features.css'
import { plural } from '../../../src/contract/text/format.ts'
import { foundIn, wordsOf } from '../../data/features/find.ts'
import { useProject } from '../../data/features/projects.ts'
import type { ChosenProject } from '../../data/features/projects.ts'
import * as read from '../../data/features/queries.ts'
import type { Catalogue } from '../../data/features/queries.ts'
import { CatalogueList } from '../../parts/features/catalogue-list.tsx'
import { CatalogueTabs } from '../../parts/features/catalogue-tabs.tsx'
import { NoFeatures } from '../../parts/features/no-features.tsx'
import { ProjectChoice } from '../../parts/features/project-choice.tsx'
import { Page } from '../../parts/page/page.tsx'
import { Loaded } from '../../parts/page/placeholders.tsx'

const ABOUT = 'What models know of an entity at any moment: declared once, joined for training, read when they serve.'

export function FeaturesPage() {
  const search = useSearch({ from: '/features' })
  const navigate = useNavigate({ from: '/features' })
  const project = useProject(search.project)
  const all = useQuery(read.catalogue(project.given))
  return (
    <Page
      title="Features"
      lead={all.data === undefined || isEmpty(all.data) ? ABOUT : leadOf(all.data)}
      actions={
        <>
          <ProjectChoice project={project} onChange={(next) => void navigate({ search: { project: next } })} />
          <Link to="/features/look-up" search={{ project: project.given }} className="button">
            Look up an entity
          </Link>
        </>
      }
    >
      <Loaded query={all} what="The features" height={420}>
        {(data) => (isEmpty(data) ? <NoFeatures project={project} /> : <Body all={data} project={project} />)}
      </Loaded>
    </Page>
  )
}

function isEmpty({ entities, views, services, on_demand }: Catalogue): boolean {
  return entities.length + views.length + services.length + on_demand.length === 0
}

function leadOf({ views, services }: Catalogue): string {
  const features = views.reduce((sum, view) => sum + view.features.length, 0)
  return `${plural(features, 'feature')} in ${plural(views.length, 'view')}, read by ${plural(services.length, 'service')}.`
}

function Body({ all, project }: { all: Catalogue; project: ChosenProject }) {
  const { find = '' } = useSearch({ from: '/features' })
  const navigate = useNavigate({ from: '/features' })
  const [text, setText] = useState(find)
  const words = wordsOf(text)
  const found = foundIn(all, words)
  return (
    <>
      <input
        type="search"
        data-filter
        aria-label="Find features"
        placeholder="Find by name, feature, tag, owner or description"
        value={text}
        onChange={(event) => {
          const next = event.target.value
          setText(next)
          void navigate({ search: (at) => ({ ...at, find: next === '' ? undefined : next }), replace: true })
        }}
      />
      <CatalogueTabs found={found} />
      <CatalogueList project={project.given} all={all} found={found} words={words} />
    </>
  )
}
