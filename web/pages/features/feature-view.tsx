/** A feature view: what a version declares, which services read it, how it changed, and how it was materialised. */
import { useQuery } from '@tanstack/react-query'
import type { UseQueryResult } from '@tanstack/react-query'
import { Link, useParams, useSearch } from '@tanstack/react-router'
import '../../css/features.css'
import type { FeatureJob } from '../../../src/contract/features/jobs.ts'
import { fullSentence, plural } from '../../../src/contract/text/format.ts'
import { useProjectName } from '../../data/features/projects.ts'
import * as read from '../../data/features/queries.ts'
import type { ViewDetail } from '../../data/features/queries.ts'
import { Materialisations } from '../../parts/features/materialisations.tsx'
import { Materialise } from '../../parts/features/materialise.tsx'
import { OlderVersion } from '../../parts/features/older-version.tsx'
import { ReadBy } from '../../parts/features/read-by.tsx'
import { VersionDifference, VersionList } from '../../parts/features/versions.tsx'
import { ViewDefinition } from '../../parts/features/view-definition.tsx'
import { ViewFeatures } from '../../parts/features/view-features.tsx'
import { ViewStatistics } from '../../parts/features/view-statistics.tsx'
import { ViewStanding } from '../../parts/features/view-standing.tsx'
import { OnePage } from '../../parts/page/one-page.tsx'
import { Panel } from '../../parts/page/page.tsx'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'
import { Tag } from '../../parts/page/status.tsx'

const JOBS = 20

export function FeatureViewPage() {
  const { name } = useParams({ from: '/features/views/$name' })
  const { project, version } = useSearch({ from: '/features/views/$name' })
  const own = useProjectName(project)
  return (
    <OnePage
      title="Feature view"
      crumbs={
        <Link to="/features" search={{ project }}>
          Features
        </Link>
      }
      query={useQuery(read.featureView({ project, name, version }))}
      head={(view) => ({
        title: view.name,
        lead: `Of project ${own}. ${fullSentence(view.description)}`,
        beside: <Tag>{`version ${view.version}`}</Tag>,
        actions: <Materialise project={project} view={view} isOlder={view.version < newestOf(view)} />,
      })}
    >
      {(view) => <Body view={view} />}
    </OnePage>
  )
}

function newestOf({ version, versions }: ViewDetail): number {
  return Math.max(version, ...versions.map((one) => one.version))
}

function Body({ view }: { view: ViewDetail }) {
  const { project, against } = useSearch({ from: '/features/views/$name' })
  const jobs = useQuery(read.featureJobs({ project, kind: 'materialise', name: view.name, limit: JOBS }))
  const newest = newestOf(view)
  const versions = { kind: 'views', project, name: view.name, versions: view.versions, shown: view.version } as const
  return (
    <>
      {view.version < newest && (
        <OlderVersion shown={view.version} newest={newest}>
          <Link to="/features/views/$name" params={{ name: view.name }} search={{ project }}>
            Show the newest
          </Link>
        </OlderVersion>
      )}
      {jobs.data !== undefined && <ViewStanding view={view} jobs={jobs.data.items} />}
      <div className="two roomy">
        <ViewDefinition view={view} />
        <div className="stack">
          <Panel title="Features" note={plural(view.features.length, 'feature')} flush long={view.features.length > 14}>
            <ViewFeatures features={view.features} />
          </Panel>
          <Panel title="Read by" note="services in their newest version" flush>
            <ReadBy project={project} view={view} newest={newest} />
          </Panel>
          <VersionList {...versions} />
        </div>
      </div>
      <ViewStatistics view={view} />
      <VersionDifference {...versions} against={against} />
      <Jobs view={view} jobs={jobs} />
    </>
  )
}

function Jobs({ view, jobs }: { view: ViewDetail; jobs: UseQueryResult<{ readonly items: readonly FeatureJob[] }> }) {
  return (
    <Panel
      title="Materialisations"
      note="the newest first; rows without a key, and those later than “until”, are left out"
      flush
    >
      <Loaded query={jobs} what="The materialisations" height={160}>
        {({ items }) =>
          items.length > 0 ? (
            <Materialisations jobs={items} />
          ) : view.sources.length === 0 ? (
            <Empty title="Nothing to materialise">
              Its rows are pushed, and each is readable when its push answers.
            </Empty>
          ) : (
            <Empty title="Never materialised">
              Until it is, the online store has no row of it: a model that reads it sees only what is missing.
            </Empty>
          )
        }
      </Loaded>
    </Panel>
  )
}
