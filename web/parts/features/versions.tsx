/** The versions of a view or a service, and what differs between the shown one and another. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import * as read from '../../data/features/queries.ts'
import type { DefinitionVersion } from '../../data/features/queries.ts'
import { Panel } from '../page/page.tsx'
import { Loaded } from '../page/placeholders.tsx'
import { DataTable } from '../table/data-table.tsx'
import { TimeCell } from '../table/time-cell.tsx'
import { FeatureDifferences } from './differences.tsx'

export interface VersionsProps {
  readonly kind: 'views' | 'services'
  readonly project: string | undefined
  readonly name: string
  readonly versions: readonly DefinitionVersion[]
  readonly shown: number
  /** The version that it is compared with, as the address names it. */
  readonly against: string | undefined
}

export function VersionList({ kind, project, name, versions, shown }: Omit<VersionsProps, 'against'>) {
  const to = kind === 'views' ? '/features/views/$name' : '/features/services/$name'
  return (
    <Panel title="Versions" note="the newest first" flush long={versions.length > 12}>
      <DataTable headings={['Version', 'By', 'Difference', ['Created', 'num']]}>
        {versions.map((one) => (
          <tr key={one.version} data-row aria-current={one.version === shown ? 'true' : undefined}>
            <td className="nowrap">
              <Link
                to={to}
                params={{ name }}
                search={{ project, version: String(one.version) }}
                className="strong"
                resetScroll={false}
              >
                version {one.version}
              </Link>
            </td>
            <td className="key">{one.created_by}</td>
            <td className="nowrap">
              {one.version === shown ? (
                'shown'
              ) : (
                <Link
                  to={to}
                  params={{ name }}
                  search={{ project, version: String(shown), against: String(one.version) }}
                  resetScroll={false}
                >
                  from {Math.min(one.version, shown)} to {Math.max(one.version, shown)}
                </Link>
              )}
            </td>
            <TimeCell at={one.created_at} />
          </tr>
        ))}
      </DataTable>
    </Panel>
  )
}

/** Nothing where no other version is chosen. */
export function VersionDifference(props: VersionsProps) {
  const other = props.versions.find(({ version }) => String(version) === props.against && version !== props.shown)
  return other === undefined ? null : <Difference {...props} other={other.version} />
}

/** From the lower version to the higher, whichever of them is shown. */
function Difference({ kind, project, name, shown, other }: VersionsProps & { other: number }) {
  const [from, to] = [Math.min(shown, other), Math.max(shown, other)]
  const query = useQuery(read.featureDifferences({ kind, project, name, from, to }))
  return (
    <Panel title={`What changed from version ${from} to ${to}`} flush>
      <Loaded query={query} what="The difference" height={120}>
        {({ items }) => <FeatureDifferences items={items} />}
      </Loaded>
    </Panel>
  )
}
