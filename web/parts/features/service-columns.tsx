/** The columns that a service gives a model, each with the view or the on-demand feature that it is of. */
import { Link } from '@tanstack/react-router'
import type { FeatureService } from '../../../src/contract/features/catalogue.ts'
import { DataTable } from '../table/data-table.tsx'
import { ViewLink } from './links.tsx'

export interface ServiceColumnsProps {
  readonly project: string | undefined
  readonly service: Pick<FeatureService, 'columns' | 'views'>
}

export function ServiceColumns({ project, service: { columns, views } }: ServiceColumnsProps) {
  return (
    <DataTable headings={['Column', 'Type', 'Of']}>
      {columns.map(({ name, type, of }) => (
        <tr key={name} data-row>
          <td className="key name strong">{name}</td>
          <td>{type}</td>
          <td className="break">
            <Origin project={project} of={of} views={views} />
          </td>
        </tr>
      ))}
    </DataTable>
  )
}

function Origin({ project, of, views }: { project: string | undefined; of: string; views: FeatureService['views'] }) {
  const at = of.indexOf(':')
  const [place, feature] = [of.slice(0, at), of.slice(at + 1)]
  const taken = views.find(({ name }) => name === place)
  if (taken !== undefined) {
    return (
      <span className={taken.name === taken.view ? undefined : 'linked'}>
        <ViewLink project={project} name={taken.view} version={taken.version} feature={feature} />
        {taken.name !== taken.view && <span className="muted"> as {taken.name}</span>}
      </span>
    )
  }
  return (
    <span className="linked">
      on demand:{' '}
      <Link to="/features" search={{ project, show: 'on-demand', find: feature }}>
        {feature}
      </Link>
    </span>
  )
}
