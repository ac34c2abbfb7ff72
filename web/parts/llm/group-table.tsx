/** What calls of language models come to by endpoint, model, key, team or user. */
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { count, percent, plural } from '../../../src/contract/text/format.ts'
import type { LlmGroup, LlmSearch } from '../../data/address.ts'
import { microDuration, shareOf, shortCount } from '../../data/llm/amounts.ts'
import { errorsOf } from '../../data/llm/outcomes.ts'
import type { LlmGroupRow, LlmOverview } from '../../data/llm/queries.ts'
import { CostSum } from './cost-sum.tsx'
import { DataTable } from '../table/data-table.tsx'

/** What a group is of, and what calls that name none are called. */
export const GROUP_WORDS: Readonly<Record<LlmGroup, readonly [word: string, none: string]>> = {
  endpoint: ['Endpoint', 'no endpoint'],
  model: ['Model', 'no model was asked'],
  key: ['Key', 'without a key'],
  team: ['Team', 'no team'],
  user: ['User', 'no user'],
}

export interface GroupTableProps {
  /** Its groups are of what it says, which is not what is chosen while another is read. */
  readonly overview: LlmOverview
  /** Names of keys by their ids. */
  readonly names: ReadonlyMap<string, string>
  readonly search: LlmSearch
}

export function GroupTable({ overview, names, search }: GroupTableProps) {
  const { by, groups, total, more_groups } = overview
  const projects = new Set(groups.map(({ project }) => project))
  return (
    <>
      <DataTable
        headings={[
          GROUP_WORDS[by][0],
          ['Requests', 'num'],
          ['Errors', 'num'],
          ['First byte p50', 'num'],
          ['p95', 'num'],
          ['In', 'num'],
          ['Cached', 'num'],
          ['Out', 'num'],
          ['Cost', 'num'],
          'Share of cost',
        ]}
      >
        {groups.map((group) => (
          <Row
            key={`${group.project ?? ''}/${group.key ?? ''}`}
            group={group}
            total={total.cost_nanodollars}
            name={<Name by={by} of={group} tellsProject={projects.size > 1} names={names} search={search} />}
          />
        ))}
        {groups.length > 1 && more_groups === 0 && <Row group={total} total={total.cost_nanodollars} name="All" />}
      </DataTable>
      {more_groups > 0 && (
        <p className="muted small" style={{ padding: '8px 16px' }}>
          {plural(more_groups, 'group')} with fewer requests are not listed; they are in the figures above.
        </p>
      )}
    </>
  )
}

interface NameProps extends Pick<GroupTableProps, 'names' | 'search'> {
  readonly by: LlmGroup
  readonly of: Pick<LlmGroupRow, 'key' | 'project'>
  /** True where another project may have an endpoint of that name. */
  readonly tellsProject: boolean
}

/** Of an endpoint or a key, a link that lists its calls. */
function Name({ by, of: { key, project }, tellsProject, names, search }: NameProps) {
  if (key === null) return <span className="muted">{GROUP_WORDS[by][1]}</span>
  if (by !== 'endpoint' && by !== 'key') return key
  const narrowed =
    by === 'key'
      ? { key, endpoint: undefined, project: undefined }
      : { endpoint: key, project: tellsProject ? (project ?? undefined) : undefined, key: undefined }
  return (
    <>
      <Link to="/llm" search={{ ...search, ...narrowed }} resetScroll={false}>
        {by === 'key' ? (names.get(key) ?? key) : key}
      </Link>
      {tellsProject && project !== null && <div className="muted small">project {project}</div>}
    </>
  )
}

interface RowProps {
  readonly group: Omit<LlmGroupRow, 'key' | 'project'>
  /** Cost of all groups, nanodollars. */
  readonly total: number
  readonly name: ReactNode
}

function Row({ group, total, name }: RowProps) {
  const isUnknown = group.unpriced > 0 && group.cost_nanodollars === 0
  const share = isUnknown ? null : shareOf(group.cost_nanodollars, total)
  const cached = shareOf(group.cache_read_tokens, group.input_tokens)
  return (
    <tr data-row>
      <td className="break">{name}</td>
      <td className="num">{count(group.requests)}</td>
      <td className="num">{percent(shareOf(errorsOf(group), group.requests), 2)}</td>
      <td className="num">{microDuration(group.first_us.p50)}</td>
      <td className="num">{microDuration(group.first_us.p95)}</td>
      <td className="num">{shortCount(group.input_tokens)}</td>
      <td className="num">{percent(cached, 0)}</td>
      <td className="num">{shortCount(group.output_tokens)}</td>
      <td className="num">
        <CostSum of={group} />
      </td>
      <td style={{ minWidth: 110, verticalAlign: 'middle' }}>
        <Share of={share} />
      </td>
    </tr>
  )
}

/** A bar and its number, 0..1; null = not known, or of nothing. */
function Share({ of }: { of: number | null }) {
  return (
    <span className="row" style={{ flexWrap: 'nowrap' }}>
      <span className="bar" style={{ flex: 1 }} aria-hidden="true">
        <i style={{ width: `${(of ?? 0) * 100}%` }} />
      </span>
      <span className="num small" style={{ minWidth: '6ch' }}>
        {percent(of)}
      </span>
    </span>
  )
}
