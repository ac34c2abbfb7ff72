/** The services that read a view, and which of them read an older version than the newest. */
import type { ViewDetail } from '../../data/features/queries.ts'
import { Empty } from '../page/placeholders.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'
import { ServiceLink, ViewLink } from './links.tsx'

export interface ReadByProps {
  readonly project: string | undefined
  readonly view: Pick<ViewDetail, 'name' | 'services'>
  readonly newest: number
}

export function ReadBy({ project, view: { name, services }, newest }: ReadByProps) {
  if (services.length === 0) return <Empty title="No service reads it yet">A service names what a model reads.</Empty>
  return (
    <DataTable headings={['Service', ['Version', 'num'], 'Reads', 'State']}>
      {services.map((one) => (
        <tr key={`${one.name} ${one.view_version}`} data-row>
          <td className="key name">
            <ServiceLink project={project} name={one.name} className="strong" />
          </td>
          <td className="num">{one.version}</td>
          <td className="nowrap">
            <ViewLink project={project} name={name} version={one.view_version} />
          </td>
          <td>
            {one.view_version < newest ? (
              <Status word="older" tone="warn" label={`the newest is ${newest}`} />
            ) : (
              <Status word="newest" tone="good" />
            )}
          </td>
        </tr>
      ))}
    </DataTable>
  )
}
