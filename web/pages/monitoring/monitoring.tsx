/** Monitoring of an endpoint: what changed in the data, and how good are the predictions? */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { HOUR_MS } from '../../../src/contract/ids.ts'
import { HeatMap } from '../../charts/heat-map.tsx'
import { QualityChart } from '../../charts/quality.tsx'
import { eventTime } from '../../../src/contract/text/format.ts'
import { METRIC_NAMES, METRICS } from '../../data/endpoints/metric-names.ts'
import { AttributionPanel } from '../../parts/monitoring/attribution.tsx'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'
import { FeaturePanel } from '../../parts/monitoring/feature.tsx'
import { Page, Panel } from '../../parts/page/page.tsx'
import { SliceTable } from '../../parts/monitoring/slices.tsx'
import { Untimely } from '../../parts/monitoring/untimely.tsx'
import { WatchedNotice } from '../../parts/monitoring/watched.tsx'
import { WatchedSearches } from '../../parts/monitoring/watched-searches.tsx'
import { Webhooks } from '../../parts/monitoring/webhooks.tsx'
import * as read from '../../data/queries.ts'
import type { Performance } from '../../data/queries.ts'
import type { MonitoringSearch } from '../../data/address.ts'

const HOURS = [1, 6, 24, 168]

export function MonitoringPage() {
  const { name } = useParams({ from: '/monitoring/$name' })
  const search = useSearch({ from: '/monitoring/$name' })
  const monitor = useQuery(read.monitor(name))
  const range = {
    ...(search.from !== undefined && { from: search.from }),
    ...(search.to !== undefined && { to: search.to }),
  }
  const hours = search.hours ?? 24
  const seen = windowOf(search) ?? range
  const map = useQuery(read.heatmap(name, range, hours))
  const performance = useQuery(read.performance(name, seen, windowOf(search) === undefined ? 'week' : 'day'))
  return (
    <Page
      title={`Monitoring of ${name}`}
      crumbs={<Link to="/monitoring">Monitoring</Link>}
      lead={
        <>
          {monitor.data === undefined
            ? 'Compared with its own history.'
            : `Evaluated until ${eventTime(monitor.data.evaluated_until)}; false alerts: ${monitor.data.settings.false_alerts} at most.`}{' '}
          <Link to="/endpoints/$name" params={{ name }}>
            Endpoint
          </Link>
        </>
      }
      actions={<RangeFields search={search} name={name} />}
    >
      <WatchedNotice endpoint={name} />
      <Untimely monitor={monitor.data} />
      <Panel
        title="Features over time"
        note="strongest check of each window, in units of its limit; columns are event time"
        flush
      >
        <Loaded query={map} what="The features" height={420}>
          {(data) =>
            data.features.length === 0 ? (
              <Empty title="Nothing to compare yet">
                The map fills once the endpoint has served for an hour and has a baseline to compare with.
              </Empty>
            ) : (
              <Map name={name} search={search} buckets={data.buckets} features={data.features} hours={hours} />
            )
          }
        </Loaded>
      </Panel>
      {map.data !== undefined && <WindowBar name={name} search={search} buckets={map.data.buckets} hours={hours} />}
      {search.feature !== undefined && <FeaturePanel endpoint={name} feature={search.feature} range={seen} />}
      <Loaded query={performance} what="The quality" height={260}>
        {({ items }) => <Quality items={items} by={windowOf(search) === undefined ? 'week' : 'day'} />}
      </Loaded>
      {monitor.data?.attribution !== undefined && <AttributionPanel attribution={monitor.data.attribution} />}
      {monitor.data !== undefined && <Webhooks endpoint={name} webhooks={monitor.data.webhooks} />}
      {monitor.data !== undefined && <WatchedSearches endpoint={name} settings={monitor.data.settings} />}
      <SliceTable endpoint={name} slices={monitor.data?.settings.slices ?? []} range={seen} />
    </Page>
  )
}

interface MapProps {
  readonly name: string
  readonly search: MonitoringSearch
  readonly buckets: readonly string[]
  readonly features: readonly { feature: string; importance: number; effect: (number | null)[]; alert: boolean[] }[]
  readonly hours: number
}

/** The window that was chosen, if one was. */
function windowOf({ since, until }: MonitoringSearch): read.Range | undefined {
  return since === undefined || until === undefined ? undefined : { from: since, to: until }
}

function Map({ name, search, buckets, features, hours }: MapProps) {
  const navigate = useNavigate({ from: '/monitoring/$name' })
  return (
    <HeatMap
      columns={buckets}
      columnText={(bucket) => (hours < 24 ? eventTime(bucket) : bucket.slice(0, 10))}
      rows={features
        .toSorted((a, b) => b.importance - a.importance)
        .map(({ feature, effect, alert }) => ({ name: feature, values: effect, alerts: alert }))}
      chosen={search.feature}
      column={buckets.find((bucket) => bucket === search.since)}
      onChoose={(feature, bucket) =>
        void navigate({
          params: { name },
          search: (before) => ({ ...before, feature, ...(bucket !== undefined && bucketWindow(bucket, hours)) }),
          resetScroll: false,
        })
      }
    />
  )
}

/** The window of one column of the map. */
function bucketWindow(bucket: string, hours: number): { since: string; until: string } {
  return { since: bucket, until: new Date(Date.parse(bucket) + hours * HOUR_MS).toISOString() }
}

interface WindowBarProps {
  readonly name: string
  readonly search: MonitoringSearch
  readonly buckets: readonly string[]
  readonly hours: number
}

/** Says which window the panels below show, and moves it by whole columns. */
function WindowBar({ name, search, buckets, hours }: WindowBarProps) {
  const navigate = useNavigate({ from: '/monitoring/$name' })
  const place = buckets.indexOf(search.since ?? '')
  const go = (to: number | undefined): void => {
    const bucket = to === undefined ? undefined : buckets[to]
    void navigate({
      params: { name },
      search: ({ since: _since, until: _until, ...rest }) => ({
        ...rest,
        ...(bucket !== undefined && bucketWindow(bucket, hours)),
      }),
      resetScroll: false,
    })
  }
  const whole = search.since === undefined
  return (
    <div className="row" role="group" aria-label="Window">
      <span>
        {whole
          ? 'The panels below show the whole range. Select a cell of the map to narrow it.'
          : `The panels below show ${eventTime(search.since)} to ${eventTime(search.until)}.`}
      </span>
      <button
        type="button"
        className="button"
        disabled={buckets.length === 0 || place === 0}
        onClick={() => go(whole ? buckets.length - 1 : Math.max(0, place - 1))}
      >
        {whole ? 'Latest window' : 'Earlier'}
      </button>
      {!whole && (
        <>
          <button
            type="button"
            className="button"
            disabled={place < 0 || place >= buckets.length - 1}
            onClick={() => go(place + 1)}
          >
            Later
          </button>
          <button type="button" className="button" onClick={() => go(undefined)}>
            Whole range
          </button>
        </>
      )}
    </div>
  )
}

function RangeFields({ search, name }: { search: MonitoringSearch; name: string }) {
  const navigate = useNavigate({ from: '/monitoring/$name' })
  const set = (change: MonitoringSearch): void =>
    void navigate({ params: { name }, search: (before) => withoutEmpty({ ...before, ...change }) })
  return (
    <>
      <label className="row">
        From
        <input
          data-filter
          type="date"
          value={day(search.from)}
          onChange={(event) => set({ from: time(event.target.value) })}
        />
      </label>
      <label className="row">
        to
        <input type="date" value={day(search.to)} onChange={(event) => set({ to: time(event.target.value) })} />
      </label>
      <label className="row">
        column width
        <select value={search.hours ?? 24} onChange={(event) => set({ hours: Number(event.target.value) })}>
          {HOURS.map((hours) => (
            <option key={hours} value={hours}>
              {hours === 168 ? '1 week' : hours === 24 ? '1 day' : `${hours} h`}
            </option>
          ))}
        </select>
      </label>
    </>
  )
}

/** The day of a time, as a date field wants it. */
function day(value: string | undefined): string {
  return value?.slice(0, 10) ?? ''
}

/** The first moment of a day in UTC. */
function time(text: string): string {
  return text === '' ? '' : `${text}T00:00:00.000Z`
}

function withoutEmpty(search: MonitoringSearch): MonitoringSearch {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== '' && value !== undefined))
}

function Quality({ items, by }: { items: readonly Performance[]; by: 'week' | 'day' }) {
  const overall = items.filter((one) => one.slice === null)
  const metrics = METRICS.filter((metric) => overall.some((one) => one.metric === metric))
  return (
    <Panel title="Quality" note={`by ${by}, 95 % interval; the bars below show the share of predictions with a label`}>
      {metrics.length === 0 ? (
        <p className="muted">No labels yet. Send them with POST /v1/endpoints/NAME/labels.</p>
      ) : (
        <div className="charts">
          {metrics.map((metric) => (
            <QualityChart
              key={metric}
              title={METRIC_NAMES[metric]}
              points={overall.filter((one) => one.metric === metric)}
            />
          ))}
        </div>
      )}
    </Panel>
  )
}
