/** A form with an endpoint's inputs that asks for a prediction, and the commands that ask the same elsewhere. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type { endpointViewApi } from '../../../src/contract/endpoint-view.ts'
import { call } from '../../data/api.ts'
import { duration } from '../../../src/contract/text/format.ts'
import * as read from '../../data/queries.ts'
import { rowOf, textsOf } from '../../data/endpoints/input-row.ts'
import type { InputField } from '../../data/endpoints/input-row.ts'
import { Command } from '../page/command.tsx'
import { usePermission } from '../form/permissions.ts'
import { Status } from '../page/status.tsx'
import { ErrorText } from '../form/error-text.tsx'
import { Form } from '../form/form.tsx'

export interface TryItProps {
  readonly name: string
  readonly url: string
  readonly inputs: readonly InputField[]
}

export function TryIt({ name, url, inputs }: TryItProps) {
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({})
  const mayRead = usePermission({ verb: 'read_predictions', resource: 'endpoints' })
  const mayAsk = usePermission({ verb: 'predict', resource: 'endpoints' })
  const newest = useQuery({ ...read.predictions(name), enabled: mayRead }).data?.items[0]
  const { row, faults } = rowOf(inputs, texts)
  const ask = useMutation({
    mutationFn: () =>
      call<typeof endpointViewApi.tryIt>('POST', '/v1/endpoints/:name/try', {
        params: { name },
        body: { inputs: row },
      }),
  })
  if (inputs.length === 0) return <p className="muted">The inputs are not known: the model has no signature.</p>
  return (
    <Form className="stack" onSubmit={() => ask.mutate()}>
      <div className="fields">
        {inputs.map((field) => (
          <Field
            key={field.name}
            field={field}
            text={texts[field.name] ?? ''}
            fault={faults[field.name]}
            onChange={(text) => setTexts({ ...texts, [field.name]: text })}
          />
        ))}
      </div>
      <div className="row">
        {mayAsk && (
          <button type="submit" className="button primary" disabled={ask.isPending || Object.keys(faults).length > 0}>
            {ask.isPending ? 'Predicting' : 'Predict'}
          </button>
        )}
        {newest !== undefined && (
          <button type="button" className="button" onClick={() => setTexts(textsOf(inputs, newest.inputs))}>
            Fill from the latest prediction
          </button>
        )}
        <span className="muted small">
          {mayAsk
            ? 'Empty fields are sent as missing values. The request is logged and monitored like any other.'
            : 'Your role may not predict; the command below works with a token that may.'}
        </span>
      </div>
      <div aria-live="polite">
        <ErrorText error={ask.error} />
        {ask.data !== undefined && <Answer {...ask.data} />}
      </div>
      <details>
        <summary>As a command</summary>
        <Commands name={name} url={url} row={row} />
      </details>
    </Form>
  )
}

function Answer({ status, took_ms, reply }: { status: number; took_ms: number; reply: unknown }) {
  const ok = status < 400
  return (
    <div className="stack">
      <span className="row">
        <Status word={ok ? 'ok' : 'failed'} label={`${ok ? 'answered' : 'refused'} with ${status}`} />
        <span className="muted">in {duration(took_ms)}, including the way through this server</span>
      </span>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard */}
      <pre className="log" tabIndex={0} aria-label="Response">
        {typeof reply === 'string' ? reply : JSON.stringify(reply, null, 2)}
      </pre>
    </div>
  )
}

function Commands({ name, url, row }: { name: string; url: string; row: Readonly<Record<string, unknown>> }) {
  const typed = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null))
  return (
    <div className="stack" style={{ gap: 8, paddingTop: 8 }}>
      <Command text={`slipway predict ${name} '${quoted(JSON.stringify(typed))}'`} />
      <Command
        text={`curl -H "authorization: Bearer $SLIPWAY_TOKEN" -H 'content-type: application/json' -d '${quoted(JSON.stringify({ inputs: row }))}' ${url}`}
      />
    </div>
  )
}

function quoted(text: string): string {
  return text.replaceAll("'", String.raw`'\''`)
}

interface FieldProps {
  readonly field: InputField
  readonly text: string
  readonly fault: string | undefined
  readonly onChange: (text: string) => void
}

function Field({ field, text, fault, onChange }: FieldProps) {
  const input = useId()
  return (
    <div style={{ display: 'grid', gap: 2, alignContent: 'start' }}>
      <label htmlFor={input} className="small break">
        {field.name}
        {field.required ? '' : ' (optional)'}
      </label>
      <input
        id={input}
        value={text}
        placeholder={field.kind}
        inputMode={field.kind === 'number' || field.kind === 'integer' ? 'decimal' : 'text'}
        aria-invalid={fault !== undefined}
        onChange={(event) => onChange(event.target.value)}
      />
      {fault !== undefined && <span className="small bad-text">{fault}</span>}
    </div>
  )
}
