/** What the newest materialisation tells of the values of a view: how many are null, how they are spread, which occur. */
import type { FeatureStatistics, ViewStatistics as Statistics } from '../../../src/contract/features/statistics.ts'
import { count, eventTime, figure, NONE, percent, plural } from '../../../src/contract/text/format.ts'
import type { ViewDetail } from '../../data/features/queries.ts'
import { shareOf } from '../../data/features/statuses.ts'
import { Panel } from '../page/page.tsx'
import { Empty } from '../page/placeholders.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { DataTable } from '../table/data-table.tsx'

export interface ViewStatisticsProps {
  readonly view: Pick<ViewDetail, 'features' | 'push' | 'sources' | 'statistics'>
}

export function ViewStatistics({ view: { features, push, sources, statistics } }: ViewStatisticsProps) {
  const windows = features.filter(({ window }) => window !== null)
  return (
    <Panel title="Values" note={statistics === null ? undefined : <Freshness statistics={statistics} />} flush>
      {statistics === null ? (
        <Nothing isRead={sources.length > 0} />
      ) : (
        <>
          <DataTable headings={HEADINGS} className="statistics">
            {statistics.features.map((one) => (
              <StatisticsRow key={one.name} live={statistics.live} one={one} />
            ))}
          </DataTable>
          <p className="below muted small">
            Different values (~) and quartiles are approximate.{push && ' Rows that are pushed are not counted.'}
            {windows.length > 0 && ` None are computed of windows: ${windows.map(({ name }) => name).join(', ')}.`}
          </p>
        </>
      )}
    </Panel>
  )
}

const HEADINGS = [
  'Feature',
  ['Null', 'num'],
  ['Different', 'num'],
  ['Mean', 'num'],
  ['Std', 'num'],
  'Spread, or what occurs',
] as const

function Freshness({ statistics: { live, expired, until, at } }: { statistics: Statistics }) {
  return (
    <>
      of {live === 1 ? 'the newest row of 1 entity' : `the newest rows of ${count(live)} entities`}
      {expired > 0 && ` (${count(expired)} more have expired)`}, as of {eventTime(until)}, computed{' '}
      <RelativeTime at={at} />
    </>
  )
}

function Nothing({ isRead }: { isRead: boolean }) {
  return isRead ? (
    <Empty title="No statistics of this version">They come with its next materialisation, and are kept 90 days.</Empty>
  ) : (
    <Empty title="No statistics">Its rows are pushed; statistics are computed where a source is read.</Empty>
  )
}

function StatisticsRow({ live, one }: { live: number; one: FeatureStatistics }) {
  const { name, type, nulls, distinct, numbers } = one
  return (
    <tr data-row>
      <td className="key name">
        <span className="strong">{name}</span> <span className="muted small">{type}</span>
      </td>
      <td className="num" title={plural(nulls, 'null')}>
        {live === 0 ? NONE : shareOf(nulls, live)}
      </td>
      <td className="num">~{count(distinct)}</td>
      <td className="num">{figure(numbers?.mean)}</td>
      <td className="num">{figure(numbers?.std)}</td>
      <td className="break">
        <Spread live={live} one={one} />
      </td>
    </tr>
  )
}

function Spread({ live, one }: { live: number; one: FeatureStatistics }) {
  const { numbers, not_finite, true_share, frequent, first, last } = one
  if (numbers !== null)
    return (
      <>
        <Box numbers={numbers} />
        {not_finite > 0 && <div className="small warn-text">{count(not_finite)} NaN or infinite</div>}
      </>
    )
  if (not_finite > 0) return <span className="warn-text">{count(not_finite)} NaN or infinite, and nothing else</span>
  if (true_share !== null)
    return (
      <div className="share" title={`${percent(true_share)} true`}>
        <i style={{ width: `${true_share * 100}%` }} />
        <span>{percent(true_share)} true</span>
      </div>
    )
  if (first !== null && last !== null)
    return (
      <>
        {eventTime(first)} to {eventTime(last)}
      </>
    )
  if (frequent !== null && frequent.length > 0)
    return (
      <ul className="frequent">
        {frequent.map(({ value, is_cut, rows }) => (
          <li key={value}>
            <span className="mono">
              {value === '' ? '“”' : value}
              {is_cut && '…'}
            </span>{' '}
            <span className="muted">{shareOf(rows, live)}</span>
          </li>
        ))}
      </ul>
    )
  return <span className="muted">{one.nulls === live ? 'no value' : 'too many different values to count each'}</span>
}

/** A line from the least to the greatest with a box between the quartiles. */
function Box({ numbers: { min, max, quartiles } }: { numbers: NonNullable<FeatureStatistics['numbers']> }) {
  const [low = min, middle = min, high = max] = quartiles
  const at = (value: number): number =>
    max === min ? 0 : Math.min(100, Math.max(0, ((value - min) / (max - min)) * 100))
  const said = [min, low, middle, high, max].map((value) => figure(value)).join(' · ')
  if (max === min) return <span className="mono">{figure(min)}</span>
  return (
    <div className="spread" role="img" aria-label={`least, quartiles and greatest: ${said}`}>
      <span className="num">{figure(min)}</span>
      <span className="box" title={said}>
        <i style={{ left: `${at(low)}%`, width: `max(2px, ${at(high) - at(low)}%)` }} />
        <b style={{ left: `${at(middle)}%` }} />
      </span>
      <span>{figure(max)}</span>
      <span className="muted small median">median {figure(middle)}</span>
    </div>
  )
}
