/** The look-up: what a model sees of an entity now, and why a value is missing. */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import '../../css/features.css'
import type { LookUpSearch } from '../../data/address.ts'
import { useProject } from '../../data/features/projects.ts'
import type { ChosenProject } from '../../data/features/projects.ts'
import * as read from '../../data/features/queries.ts'
import type { Catalogue } from '../../data/features/queries.ts'
import { AskedEntity } from '../../parts/look-up/asked-entity.tsx'
import { ProjectChoice } from '../../parts/features/project-choice.tsx'
import { ServiceChoice } from '../../parts/look-up/service-choice.tsx'
import { Page, Panel } from '../../parts/page/page.tsx'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'

const FROM = '/features/look-up'

export function LookUpPage() {
  const search = useSearch({ from: FROM })
  const navigate = useNavigate({ from: FROM })
  const project = useProject(search.project)
  const all = useQuery(read.catalogue(project.given))
  return (
    <Page
      title="Look up an entity"
      crumbs={
        <Link to="/features" search={{ project: project.given }}>
          Features
        </Link>
      }
      lead="What a model sees of an entity, now and at any moment, and why a value is missing."
      actions={<ProjectChoice project={project} onChange={(next) => void navigate({ search: { project: next } })} />}
    >
      <Loaded query={all} what="The features" height={420}>
        {(data) => <Body all={data} project={project} />}
      </Loaded>
    </Page>
  )
}

function Body({ all, project }: { all: Catalogue; project: ChosenProject }) {
  const search = useSearch({ from: FROM })
  const navigate = useNavigate({ from: FROM })
  const newest = all.services.find(({ name }) => name === search.service) ?? all.services[0]
  const set = (next: LookUpSearch): void => void navigate({ search: next, resetScroll: false })
  if (newest === undefined) {
    return (
      <Panel title="Services" flush>
        <Empty title={`No feature services in project ${project.name} yet`} commands={['slipway features apply']}>
          A service names the features that a model reads; what it sees of an entity is looked up by one.
        </Empty>
      </Panel>
    )
  }
  const older = search.version === undefined || Number(search.version) >= newest.version ? undefined : search.version
  const missing = search.service !== undefined && search.service !== newest.name ? search.service : undefined
  return (
    <>
      {missing !== undefined && (
        <div className="notice" role="status">
          <p>
            There is no service “{missing}” in project {project.name}; {newest.name} is shown.
          </p>
        </div>
      )}
      <ServiceChoice
        services={all.services}
        chosen={newest}
        version={older}
        onChange={({ service, version }) =>
          set({
            project: search.project,
            service,
            version,
            entity: service === newest.name ? search.entity : undefined,
            at: search.at,
          })
        }
      />
      {older === undefined ? (
        <AskedEntity service={newest} views={all.views} isNewest />
      ) : (
        <OfVersion key={older} name={newest.name} version={older} all={all} />
      )}
    </>
  )
}

/** The columns of an older version are read first. */
function OfVersion({ name, version, all }: { name: string; version: string; all: Catalogue }) {
  const { project } = useSearch({ from: FROM })
  const query = useQuery(read.featureService({ project, name, version }))
  return (
    <Loaded query={query} what="The service" height={320}>
      {(service) => <AskedEntity service={service} views={all.views} />}
    </Loaded>
  )
}
