/** Feature services, on-demand features and entities of a project. */
import type { FeatureEntity, FeatureService, OnDemandFeature } from '../../../src/contract/features/catalogue.ts'
import { count, NONE } from '../../../src/contract/text/format.ts'
import { DataTable } from '../table/data-table.tsx'
import { TimeCell } from '../table/time-cell.tsx'
import { Described } from './about.tsx'
import { ServiceLink, ViewLink } from './links.tsx'
import { SqlBlock } from './sql-block.tsx'

interface Listed<T> {
  readonly project: string | undefined
  readonly items: readonly T[]
}

export function ServiceList({ project, items }: Listed<FeatureService>) {
  return (
    <DataTable
      headings={[
        'Service',
        ['Columns', 'num'],
        'Reads',
        'Keys and fields',
        'Expired values',
        ['Version', 'num'],
        'Owner',
        ['Changed', 'num'],
      ]}
    >
      {items.map((one) => (
        <tr key={one.name} data-row>
          <td className="key name">
            <ServiceLink project={project} name={one.name} className="strong" />
            <Described description={one.description} />
          </td>
          <td className="num">{count(one.columns.length)}</td>
          <td>
            {one.views.map(({ name, view, version }) => (
              <div key={name} className={name === view ? 'nowrap' : 'nowrap linked'}>
                <ViewLink project={project} name={view} version={version} />
                {name !== view && <span className="muted"> as {name}</span>}
              </div>
            ))}
          </td>
          <td className="break">
            {[...new Set(one.views.flatMap(({ keys }) => keys)), ...one.fields.map(({ name }) => name)].join(', ')}
          </td>
          <td>{one.on_expired}</td>
          <td className="num">{one.version}</td>
          <td>{one.owner === '' ? NONE : one.owner}</td>
          <TimeCell at={one.changed_at} />
        </tr>
      ))}
    </DataTable>
  )
}

export function OnDemandList({ items }: Pick<Listed<OnDemandFeature>, 'items'>) {
  return (
    <DataTable headings={['Feature', 'Type', 'Expression', 'Inputs', ['Version', 'num'], 'Owner', ['Changed', 'num']]}>
      {items.map((one) => (
        <tr key={one.name} data-row>
          <td className="key name">
            <span className="strong">{one.name}</span>
            <Described description={one.description} />
          </td>
          <td>{one.type}</td>
          <td className="break">
            <SqlBlock sql={one.sql} label={`Expression of ${one.name}`} />
          </td>
          <td className="mono">
            {one.inputs.map(({ name, of }) => (
              <div key={name}>
                {name} = {of}
              </div>
            ))}
          </td>
          <td className="num">{one.version}</td>
          <td>{one.owner === '' ? NONE : one.owner}</td>
          <TimeCell at={one.changed_at} />
        </tr>
      ))}
    </DataTable>
  )
}

export function EntityList({ items }: Pick<Listed<FeatureEntity>, 'items'>) {
  return (
    <DataTable headings={['Entity', 'Join keys', ['Version', 'num'], 'Owner', ['Changed', 'num']]}>
      {items.map((one) => (
        <tr key={one.name} data-row>
          <td className="key name">
            <span className="strong">{one.name}</span>
            <Described description={one.description} />
          </td>
          <td className="mono">{one.keys.map(({ name, type }) => `${name} ${type}`).join(', ')}</td>
          <td className="num">{one.version}</td>
          <td>{one.owner === '' ? NONE : one.owner}</td>
          <TimeCell at={one.changed_at} />
        </tr>
      ))}
    </DataTable>
  )
}
