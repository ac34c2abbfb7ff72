/** A feature service: the columns that a model reads, what they are of, and the joins that were made with it. */
import { useQuery } from '@tanstack/react-query'
import { Link, useParams, useSearch } from '@tanstack/react-router'
import '../../css/features.css'
import { fullSentence, plural } from '../../../src/contract/text/format.ts'
import { useProjectName } from '../../data/features/projects.ts'
import * as read from '../../data/features/queries.ts'
import type { ServiceDetail } from '../../data/features/queries.ts'
import { Joins } from '../../parts/features/joins.tsx'
import { OlderVersion } from '../../parts/features/older-version.tsx'
import { ServiceColumns } from '../../parts/features/service-columns.tsx'
import { ServiceDefinition } from '../../parts/features/service-definition.tsx'
import { VersionDifference, VersionList } from '../../parts/features/versions.tsx'
import { LoadingPanel } from '../../parts/page/loading-panel.tsx'
import { OnePage } from '../../parts/page/one-page.tsx'
import { Panel } from '../../parts/page/page.tsx'
import { Tag } from '../../parts/page/status.tsx'

const JOBS = 20

export function FeatureServicePage() {
  const { name } = useParams({ from: '/features/services/$name' })
  const { project, version } = useSearch({ from: '/features/services/$name' })
  const own = useProjectName(project)
  return (
    <OnePage
      title="Feature service"
      crumbs={
        <Link to="/features" search={{ project, show: 'services' }}>
          Features
        </Link>
      }
      query={useQuery(read.featureService({ project, name, version }))}
      head={(service) => ({
        title: service.name,
        lead: `Of project ${own}. ${fullSentence(service.description)}`,
        beside: <Tag>{`version ${service.version}`}</Tag>,
        actions: (
          <Link to="/features/look-up" search={{ project, service: name, version }} className="button">
            Look up an entity
          </Link>
        ),
      })}
    >
      {(service) => <Body service={service} />}
    </OnePage>
  )
}

function Body({ service }: { service: ServiceDetail }) {
  const { project, against, join } = useSearch({ from: '/features/services/$name' })
  const all = useQuery(read.catalogue(project))
  const jobs = useQuery(read.featureJobs({ project, kind: 'join', name: service.name, limit: JOBS }))
  const newest = Math.max(service.version, ...service.versions.map(({ version }) => version))
  const versions = {
    kind: 'services',
    project,
    name: service.name,
    versions: service.versions,
    shown: service.version,
  } as const
  return (
    <>
      {service.version < newest && (
        <OlderVersion shown={service.version} newest={newest}>
          <Link to="/features/services/$name" params={{ name: service.name }} search={{ project }}>
            Show the newest
          </Link>
        </OlderVersion>
      )}
      <div className="two">
        <div className="stack">
          <ServiceDefinition project={project} service={service} views={all.data?.views ?? []} />
          <VersionList {...versions} />
        </div>
        <Panel title="Columns" note={plural(service.columns.length, 'column')} flush long={service.columns.length > 14}>
          <ServiceColumns project={project} service={service} />
        </Panel>
      </div>
      <VersionDifference {...versions} against={against} />
      {jobs.data === undefined ? (
        <LoadingPanel title="Joins" query={jobs} what="The joins" height={200} />
      ) : (
        <Joins project={project} service={service.name} jobs={jobs.data.items} chosen={join} />
      )}
    </>
  )
}
