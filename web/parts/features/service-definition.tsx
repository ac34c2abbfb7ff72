/** What a version of a service declares: which views it reads, what a request gives, what comes of expired values. */
import type { FeatureView } from '../../../src/contract/features/catalogue.ts'
import { fullSentence, NONE } from '../../../src/contract/text/format.ts'
import { fieldsOf } from '../../data/features/entity-row.ts'
import { EXPIRED_WORDS } from '../../data/features/feature-words.ts'
import type { ServiceDetail } from '../../data/features/queries.ts'
import { Facts, Panel } from '../page/page.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { TagList } from './about.tsx'
import { ViewLink } from './links.tsx'

export interface ServiceDefinitionProps {
  readonly project: string | undefined
  readonly service: ServiceDetail
  /** The views of the project in their newest versions; empty while they are not known. */
  readonly views: readonly FeatureView[]
}

export function ServiceDefinition({ project, service, views }: ServiceDefinitionProps) {
  const inputs = fieldsOf(service, views)
  const typed = (kind: 'key' | 'field'): string =>
    inputs
      .filter((one) => one.kind === kind)
      .map(({ name, type }) => `${name}${type === undefined ? '' : ` ${type}`}`)
      .join(', ')
  const tags = Object.keys(service.tags)
  return (
    <Panel title="Definition" note={`version ${service.version}`}>
      <Facts
        items={[
          [
            'Reads',
            service.views.map((taken) => <TakenView key={taken.name} project={project} taken={taken} views={views} />),
          ],
          ['Join keys', typed('key') === '' ? NONE : <span className="mono">{typed('key')}</span>],
          ['Request fields', typed('field') === '' ? 'none' : <span className="mono">{typed('field')}</span>],
          ['Expired values', fullSentence(EXPIRED_WORDS[service.on_expired])],
          ['Owner', service.owner === '' ? NONE : service.owner],
          ...(tags.length === 0
            ? []
            : [
                [
                  'Tags',
                  <div key="t" className="row">
                    <TagList tags={service.tags} />
                  </div>,
                ] as const,
              ]),
          [
            'Changed',
            <span key="c">
              <RelativeTime at={service.changed_at} /> by {service.changed_by}
            </span>,
          ],
        ]}
      />
    </Panel>
  )
}

interface TakenViewProps extends Pick<ServiceDefinitionProps, 'project' | 'views'> {
  readonly taken: ServiceDetail['views'][number]
}

function TakenView({ project, taken: { name, view, version, keys }, views }: TakenViewProps) {
  const newest = views.find((one) => one.name === view)
  const own = newest?.keys.map((key) => key.name) ?? []
  const mapped = keys.flatMap((key, i) => (own[i] === undefined || own[i] === key ? [] : [`${own[i]} = ${key}`]))
  const isOlder = newest !== undefined && version < newest.version
  return (
    <div className={name === view && mapped.length === 0 && !isOlder ? undefined : 'linked'}>
      <ViewLink project={project} name={view} version={version} />
      {name !== view && ` as ${name}`}
      {mapped.length > 0 && <span className="muted"> with {mapped.join(', ')}</span>}
      {isOlder && <span className="warn-text"> the newest is {newest.version}</span>}
    </div>
  )
}
