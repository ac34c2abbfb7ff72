/** Endpoints of language models: the names that programs call, and the models behind each. */
import { Link } from '@tanstack/react-router'
import type { llmProvidersApi } from '../../../src/contract/llm/providers.ts'
import { percent, plural } from '../../../src/contract/text/format.ts'
import { call } from '../../data/api.ts'
import { dollarMoney } from '../../data/llm/amounts.ts'
import type { LlmEndpoint } from '../../data/llm/queries.ts'
import { Confirm } from '../form/confirm.tsx'
import { usePermission } from '../form/permissions.ts'
import { Status } from '../page/status.tsx'
import { ActionsCell } from '../table/actions-cell.tsx'
import { DataTable } from '../table/data-table.tsx'
import { EndpointOptions } from './endpoint-options.tsx'
import { WRITE_ENDPOINTS } from './new-provider.tsx'

type Model = LlmEndpoint['models'][number]

export function EndpointTable({ endpoints }: { endpoints: readonly LlmEndpoint[] }) {
  const writes = usePermission(WRITE_ENDPOINTS)
  return (
    <DataTable
      headings={[
        'Endpoint',
        'State',
        'Model',
        'Part of the calls',
        ['$ per 1M in', 'num'],
        ['$ per 1M out', 'num'],
        'Routing, cache, guardrails',
        'Traces',
        ...(writes ? [['Actions', 'sr'] as const] : []),
      ]}
    >
      {endpoints.flatMap((endpoint) =>
        endpoint.models.map((model, at) => (
          <Row
            key={`${endpoint.id} ${model.definition} ${model.fallback ?? ''}`}
            endpoint={endpoint}
            model={model}
            isFirst={at === 0}
            writes={writes}
          />
        )),
      )}
    </DataTable>
  )
}

interface RowProps {
  readonly endpoint: LlmEndpoint
  readonly model: Model
  readonly isFirst: boolean
  readonly writes: boolean
}

function Row({ endpoint, model, isFirst, writes }: RowProps) {
  return (
    <tr data-row={isFirst ? '' : undefined}>
      <td className="break">{isFirst && <Name of={endpoint} />}</td>
      <td className="break">{isFirst && <State of={endpoint} />}</td>
      <td className="break">
        {model.provider ?? '?'}/{model.model}
        {model.fault !== null && <div className="bad-text small">not called: {model.fault}</div>}
      </td>
      <td className="nowrap">{partText(model, endpoint.models)}</td>
      {model.price === null ? (
        <td className="num" colSpan={2}>
          <Status word="unknown" tone="warn" label="price not known" />
        </td>
      ) : (
        <>
          <td className="num">{dollarMoney(model.price.input)}</td>
          <td className="num">{dollarMoney(model.price.output)}</td>
        </>
      )}
      <td>{isFirst && <EndpointOptions endpoint={endpoint} />}</td>
      <td>
        {isFirst &&
          (endpoint.experiment === null ? <span className="muted">none</span> : <Link to="/traces">kept</Link>)}
      </td>
      {writes && <ActionsCell>{isFirst && <Remove of={endpoint} />}</ActionsCell>}
    </tr>
  )
}

function Name({ of }: { of: LlmEndpoint }) {
  return (
    <>
      <Link to="/llm" search={{ endpoint: of.name }}>
        {of.name}
      </Link>
      <div className="muted small">
        project {of.project}, {plural(of.attempts, 'attempt')}
      </div>
    </>
  )
}

function State({ of }: { of: LlmEndpoint }) {
  if (of.fault === null) return <Status word="answered" tone="good" />
  return (
    <>
      <Status word="off" tone="bad" label="not answered" />
      <div className="muted small">{of.fault}</div>
    </>
  )
}

function Remove({ of }: { of: LlmEndpoint }) {
  return (
    <Confirm
      label="Remove"
      needs={WRITE_ENDPOINTS}
      tone="danger"
      preview={
        <p>
          Calls of {of.name} in project {of.project} are refused at once. Its providers, calls and traces stay.
        </p>
      }
      act={() =>
        call<typeof llmProvidersApi.removeLlmEndpoint>('DELETE', '/v1/llm/endpoints/:id', { params: { id: of.id } })
      }
    />
  )
}

/** The share of a primary model, or the place of a fallback. */
function partText({ weight, fallback }: Model, all: readonly Model[]): string {
  if (fallback !== null) return `fallback ${fallback + 1}`
  const whole = all.reduce((sum, one) => sum + (one.fallback === null ? one.weight : 0), 0)
  return whole === 0 ? 'none: its weight is 0' : percent(weight / whole)
}
