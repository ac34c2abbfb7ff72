/** Starts a run of the same code with other params: a field for each that the project file declares, by its type. */
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useId, useState } from 'react'
import type { pipelinesApi } from '../../../src/contract/pipelines.ts'
import { call } from '../../data/api.ts'
import { fieldText, fieldValue } from '../../data/pipelines/param-form.ts'
import * as read from '../../data/queries.ts'
import type { PipelineRun, PipelineParam } from '../../data/queries.ts'
import { ActionDialog } from '../form/action-dialog.tsx'
import { usePermission } from '../form/permissions.ts'

export function RunWithParams({ run }: { run: PipelineRun }) {
  const allowed = usePermission({ verb: 'write', resource: 'pipelines' })
  const version = useQuery({
    ...read.pipelineVersion(run.pipeline_version),
    enabled: allowed && run.set !== undefined,
  })
  const params = version.data?.params ?? []
  if (!allowed || params.length === 0) return null
  return <Start run={run} params={params} />
}

function Start({ run, params }: { run: PipelineRun; params: readonly PipelineParam[] }) {
  const navigate = useNavigate()
  const given = Object.fromEntries(params.map((one) => [one.name, fieldText(one, run.set?.[one.name])]))
  const [typed, setTyped] = useState<Readonly<Record<string, string>>>({})
  const texts = { ...given, ...typed }
  const values = params.map((one) => [one.name, fieldValue(one, texts[one.name] ?? '')] as const)
  const set = Object.fromEntries(values.flatMap(([name, one]) => ('value' in one ? [[name, one.value]] : [])))
  return (
    <ActionDialog
      label="Run with other params"
      submit="Start the run"
      submitTone="primary"
      incomplete={values.some(([, one]) => 'expected' in one)}
      onOpen={() => setTyped({})}
      act={async () => {
        const next = await call<typeof pipelinesApi.createPipelineRun>('POST', '/v1/pipeline-runs', {
          body: { pipeline_version: run.pipeline_version, set },
        })
        await navigate({ to: '/pipelines/$id', params: { id: next.id } })
      }}
    >
      <p>Starts a new run of the same code. Steps for which nothing changed come from the cache.</p>
      {params.map((one) => {
        const value = fieldValue(one, texts[one.name] ?? '')
        return (
          <Field
            key={one.name}
            param={one}
            text={texts[one.name] ?? ''}
            expected={'expected' in value ? value.expected : null}
            onChange={(text) => setTyped({ ...typed, [one.name]: text })}
          />
        )
      })}
    </ActionDialog>
  )
}

interface FieldProps {
  readonly param: PipelineParam
  readonly text: string
  /** What was expected in place of the text; null while it is a value. */
  readonly expected: string | null
  readonly onChange: (text: string) => void
}

function Field({ param, text, expected, onChange }: FieldProps) {
  const [id, hint] = [useId(), useId()]
  const shared = { id, value: text, 'aria-describedby': hint, 'aria-invalid': expected !== null }
  return (
    <div className="field">
      <label htmlFor={id}>{param.name}</label>
      {param.type === 'choice' || param.type === 'bool' ? (
        <select {...shared} onChange={(event) => onChange(event.target.value)}>
          {(param.type === 'bool' ? [true, false] : (param.choices ?? [])).map((one) => (
            <option key={String(one)} value={String(one)}>
              {String(one)}
            </option>
          ))}
        </select>
      ) : param.type === 'list' ? (
        <textarea {...shared} rows={3} onChange={(event) => onChange(event.target.value)} />
      ) : (
        <input
          {...shared}
          inputMode={param.type === 'int' ? 'numeric' : param.type === 'float' ? 'decimal' : 'text'}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
      <span id={hint} className={expected === null ? 'muted small break' : 'bad-text small break'}>
        {expected === null ? hintOf(param) : `Expected ${expected}.`}
      </span>
    </div>
  )
}

function hintOf({ type, min, max, help = '' }: PipelineParam): string {
  const range = [...(min === undefined ? [] : [`at least ${min}`]), ...(max === undefined ? [] : [`at most ${max}`])]
  const isChosen = type === 'choice' || type === 'bool'
  const kind = isChosen ? '' : [type === 'list' ? 'a line for each value' : type, ...range].join(', ')
  return help === '' || kind === '' ? `${help}${kind}` : `${help} (${kind})`
}
