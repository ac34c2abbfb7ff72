/** One span: what went in, what came out, events, and everything else that was noted. */
import { duration, plural } from '../../../src/contract/text/format.ts'
import { spanParts, plainText } from '../../data/traces/spans.ts'
import type { Span } from '../../data/traces/queries.ts'
import { Facts, Panel } from '../page/page.tsx'

export function SpanDetail({ span }: { span: Span }) {
  const { inputs, outputs, others } = spanParts(span.attributes)
  return (
    <Panel title={span.name} note={`${span.type.toLowerCase()}, span ${span.id}`}>
      {span.status_message !== '' && <p className="bad-text break">{span.status_message}</p>}
      <Value title="Inputs" value={inputs} />
      <Value title="Outputs" value={outputs} />
      {span.events.length > 0 && (
        <div className="stack" style={{ gap: 8 }}>
          <h3>Events</h3>
          {span.events.map((event, i) => (
            <details key={`${event.name} ${i}`} open={event.name === 'exception'}>
              <summary>
                {event.name} <span className="muted">after {duration(event.offset_us / 1000)}</span>
              </summary>
              <Facts
                items={Object.entries(event.attributes).map(([name, value]) => [
                  name,
                  <Pre key={name} value={value} />,
                ])}
              />
            </details>
          ))}
        </div>
      )}
      {others.length > 0 && (
        <details>
          <summary>{plural(others.length, 'attribute')}</summary>
          <Facts items={others.map(([name, value]) => [name, <Pre key={name} value={value} />])} />
        </details>
      )}
    </Panel>
  )
}

function Value({ title, value }: { title: string; value: unknown }) {
  if (value === undefined || value === null) return null
  return (
    <div>
      <h3>{title}</h3>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard */}
      <pre className="log short" tabIndex={0} aria-label={title}>
        {plainText(value)}
      </pre>
    </div>
  )
}

function Pre({ value }: { value: unknown }) {
  return <span className="mono value">{plainText(value)}</span>
}
